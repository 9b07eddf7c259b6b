"""Jobs in the control room. django-q2's own tables stay out of it: a row there could run any function."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_q.models import Failure, OrmQ, Schedule, Success

from apps.jobs import registry, selectors, services
from apps.jobs.domain import cron as cron_domain
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobRun, JobSchedule, WorkerHeartbeat
from tradeops.lib import clock

for model in (Failure, OrmQ, Schedule, Success):
    try:
        admin.site.unregister(model)
    except NotRegistered:
        continue


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    class Meta:
        model = JobSchedule
        fields = ("cron", "time_zone", "enabled")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self._check("cron", lambda cron: cron_domain.check_cron(cron) if cron else None)
        self._check("time_zone", cron_domain.find_zone)
        return cleaned

    def _check(self, field: str, check: Any) -> None:
        try:
            check(self.cleaned_data.get(field) or "")
        except InvalidSchedule as error:
            self.add_error(field, str(error))


@admin.register(JobSchedule)
class JobScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    form = ScheduleForm
    list_display = ("job", "title", "cron", "time_zone", "enabled", "next_due_at", "last_run")
    fields = ("job", "title", "cron", "time_zone", "enabled", "next_runs")
    readonly_fields = ("job", "title", "next_runs")
    actions = ("run_now",)

    @admin.display(description="What it does")
    def title(self, schedule: JobSchedule) -> str:
        return registry.find(schedule.job).title if registry.is_known(schedule.job) else "Not in this version"

    @admin.display(description="Last run")
    def last_run(self, schedule: JobSchedule) -> str:
        run = selectors.last_run(job=schedule.job)
        return f"{run.get_state_display()}, {run.created_at:%Y-%m-%d %H:%M} UTC" if run else "-"

    @admin.display(description="Next runs")
    def next_runs(self, schedule: JobSchedule) -> SafeString | str:
        """The next three in UTC and in the schedule's zone."""
        if not schedule.cron or not schedule.enabled:
            return "None planned"
        zone = cron_domain.find_zone(schedule.time_zone)
        instants = cron_domain.following(schedule.cron, zone, clock.now(), 3)
        rows = ((f"{at:%a %Y-%m-%d %H:%M}", f"{at.astimezone(zone):%a %H:%M}", schedule.time_zone) for at in instants)
        return format_html_join("", "<p>{} UTC ({} {})</p>", rows)

    @admin.action(description="Run now", permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> None:
        started = [self._run(request, schedule) for schedule in queryset]
        if any(started):
            self.message_user(request, f"{sum(started)} queued.", messages.SUCCESS)
        if not selectors.worker_is_alive(now=clock.now()):
            self.message_user(request, "No worker is running: the job waits until one does.", messages.WARNING)

    def _run(self, request: HttpRequest, schedule: JobSchedule) -> bool:
        if not registry.is_known(schedule.job):
            self.message_user(request, f"{schedule.job} is not a job of this version.", messages.ERROR)
            return False
        job = registry.find(schedule.job)
        if not request.user.has_perm(job.permission):
            self.message_user(request, f"You may not run {job.title}.", messages.ERROR)
            return False
        services.request_run(job=job, started_by=request.user.get_username(), now=clock.now())
        return True

    def has_run_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(registry.RUN_PERMISSION)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobSchedule | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: JobSchedule, form: ScheduleForm, change: bool) -> None:
        services.update_schedule(schedule=obj, now=clock.now(), actor=request.user.get_username())


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ("id", "job", "state", "attempts", "progress", "created_at", "started_at", "ended_at", "started_by")
    list_filter = ("state", "job")
    search_fields = ("=id", "job", "error", "started_by")
    date_hierarchy = "created_at"
    list_per_page = 50
    show_full_result_count = False
    actions = ("cancel",)
    fieldsets = (
        (None, {"fields": ("job", "state", "attempts", "progress", "started_by")}),
        (
            "Times (UTC)",
            {"fields": ("slot", "created_at", "started_at", "attempt_started_at", "next_attempt_at", "ended_at")},
        ),
        ("Outcome", {"fields": ("result_text", "error_text", "log_text", "traceback_text")}),
        ("Process", {"classes": ("collapse",), "fields": ("worker", "worker_pid", "lease_until")}),
    )

    @admin.display(description="Attempts")
    def attempts(self, run: JobRun) -> str:
        return f"{run.attempt} of {run.max_attempts}"

    @admin.display(description="Progress")
    def progress(self, run: JobRun) -> str:
        counted = f"{run.progress_done} of {run.progress_total}" if run.progress_total else ""
        return f"{counted} {run.progress_text}".strip() or "-"

    @admin.display(description="Result")
    def result_text(self, run: JobRun) -> SafeString | str:
        if not isinstance(run.result, dict):
            return "-"
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", run.result.items()))

    @admin.display(description="Error")
    def error_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.error)

    @admin.display(description="Log")
    def log_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.log)

    @admin.display(description="Traceback")
    def traceback_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.traceback)

    @admin.action(description="Cancel (waiting runs only)", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> None:
        actor = request.user.get_username()
        done = [services.cancel_run(run_id=run.pk, now=clock.now(), actor=actor) for run in queryset]
        self.message_user(request, f"{sum(done)} cancelled, {len(done) - sum(done)} not waiting.")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(registry.RUN_PERMISSION)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "heartbeat_at", "canary_at", "busy", "workers", "replacements", "started_at", "stopped_at")


def preformatted(text: str) -> SafeString | str:
    return format_html("<pre>{}</pre>", text) if text else "-"
