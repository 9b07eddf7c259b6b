"""Schedules in the control room."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apps.jobs import registry, selectors, services
from apps.jobs.domain import cron as cron_domain
from apps.jobs.forms import ScheduleForm
from apps.jobs.models import JobSchedule
from tradeops.lib import clock


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
