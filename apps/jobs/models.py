"""When jobs run, what came of every run, and who runs them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from apps.jobs.choices import UNFINISHED, WITHOUT_SUCCESS, CatchUp, RunState
from apps.jobs.domain.plans import Plan


class JobSchedule(models.Model):
    """When a job is due. Created from the job's declaration; afterwards the operator's.

    `next_due_at` is the earliest slot that is not accounted for: all before it have their row in JobRun.
    """

    job = models.CharField(max_length=64, unique=True)
    cron = models.CharField(
        max_length=100, blank=True, help_text="minute hour day month weekday; empty: only when somebody asks."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text="The cron's clock, such as UTC or America/New_York."
    )
    calendar = models.CharField(
        max_length=16, blank=True, help_text="Only on the trading days of this exchange; empty: every day."
    )
    minutes_after_close = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Due this long after the exchange closes, on half-days too; instead of a cron."
    )
    catch_up = models.CharField(
        max_length=8, choices=CatchUp, default=CatchUp.ONCE, help_text="What becomes of slots later than the grace."
    )
    grace_minutes = models.PositiveIntegerField(
        default=60, help_text="How late a slot may still start, or wait for the job it depends on."
    )
    depends_on = models.CharField(
        max_length=64, blank=True, help_text="Waits until this job has succeeded for its own latest slot."
    )
    skip_slot = models.DateTimeField(null=True, blank=True, help_text="This one slot is not run.")
    skipped_by = models.CharField(max_length=150, blank=True)
    enabled = models.BooleanField(default=True)
    next_due_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["job"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(minutes_after_close=None) | ~models.Q(calendar=""),
                name="jobs_close_needs_a_calendar",
            )
        ]

    def __str__(self) -> str:
        return self.job

    @property
    def plan(self) -> Plan:
        return Plan(self.cron, self.time_zone, self.calendar, self.minutes_after_close)

    @property
    def grace(self) -> timedelta:
        return timedelta(minutes=self.grace_minutes)


class JobsPause(models.Model):
    """The latest pause of all schedules, in one row; it lasts while `resumed_at` is empty."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    paused_at = models.DateTimeField()
    paused_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    resumed_at = models.DateTimeField(null=True, blank=True)
    resumed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name_plural = "pause of all jobs"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="jobs_one_pause")]

    def __str__(self) -> str:
        return f"Paused by {self.paused_by}: {self.reason}"

    def covers(self, moment: datetime) -> bool:
        return self.paused_at <= moment and (self.resumed_at is None or moment < self.resumed_at)


class JobRun(models.Model):
    """One run of a job, over all its attempts.

    `attempt` is committed before the work starts, so that no crash can make an attempt uncounted. While the run is
    running, only the holder of `lease_owner` may write to it, and only until `lease_until` (database clock).
    """

    job = models.CharField(max_length=64)
    slot = models.DateTimeField(null=True, blank=True, help_text="The time the schedule meant; empty: run by hand.")
    state = models.CharField(max_length=16, choices=RunState, default=RunState.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    queue_entry = models.BigIntegerField(null=True, blank=True, help_text="Its place in django-q2's queue.")
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=128, blank=True)
    worker_pid = models.PositiveIntegerField(null=True, blank=True)
    progress_done = models.PositiveIntegerField(null=True, blank=True)
    progress_total = models.PositiveIntegerField(null=True, blank=True)
    progress_text = models.CharField(max_length=200, blank=True)
    log = models.TextField(blank=True, help_text="The last lines that the job wrote.")
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    started_by = models.CharField(max_length=150)
    retry_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="retries",
        db_index=False,
        help_text="The run that this one does again.",
    )
    stands_for = models.DateTimeField(null=True, blank=True, help_text="The slot whose work a retry does.")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the first attempt began.")
    attempt_started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [("run_job", "Can run a job now")]
        constraints = [
            models.UniqueConstraint(fields=["job", "slot"], name="jobs_one_run_per_slot"),
            models.UniqueConstraint(fields=["job"], condition=models.Q(state=RunState.RUNNING), name="jobs_no_overlap"),
            models.CheckConstraint(
                condition=models.Q(attempt__lte=models.F("max_attempts")), name="jobs_attempts_are_bounded"
            ),
        ]
        indexes = [
            # Nulls last, so that no query over all jobs can take the index of the newest runs for one job's.
            models.Index(
                "job",
                models.F("created_at").desc(nulls_last=True),
                models.F("id").desc(nulls_last=True),
                name="jobs_run_of_job",
            ),
            models.Index(fields=["job", "-ended_at"], name="jobs_run_success", condition=models.Q(state="succeeded")),
            models.Index(fields=["state"], name="jobs_run_unfinished", condition=models.Q(state__in=UNFINISHED)),
            models.Index(fields=["-created_at", "-id"], name="jobs_run_newest"),
            models.Index(fields=["retry_of"], name="jobs_run_retries", condition=models.Q(retry_of__isnull=False)),
            models.Index(
                fields=["state", "-created_at"],
                name="jobs_run_without_success",
                condition=models.Q(state__in=WITHOUT_SUCCESS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} #{self.pk}: {self.get_state_display()}"

    @property
    def purpose(self) -> datetime | None:
        """The slot whose work this run does, its own or that of the run it retries; None: asked for by hand."""
        return self.slot or self.stands_for


class Overview(JobSchedule):
    """All jobs at one look; its page in the control room replaces a list."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "overview"
        verbose_name_plural = "Overview"


class WorkerHeartbeat(models.Model):
    """A `manage.py worker`: that it lives, and when its queue last proved that it works."""

    name = models.CharField(max_length=128, unique=True)
    host = models.CharField(max_length=128)
    pid = models.PositiveIntegerField()
    cluster_pid = models.PositiveIntegerField(null=True, blank=True)
    workers = models.PositiveSmallIntegerField()
    busy = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    canary_at = models.DateTimeField(null=True, blank=True, help_text="When a task last went through the whole queue.")
    canaries = models.PositiveBigIntegerField(default=0)
    replacements = models.PositiveIntegerField(default=0, help_text="How often a wedged or dead queue was replaced.")
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-heartbeat_at"]

    def __str__(self) -> str:
        return self.name
