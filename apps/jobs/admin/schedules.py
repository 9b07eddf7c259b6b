"""Schedules in the control room."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.jobs import registry, selectors, services
from apps.jobs.exceptions import ActionRefused, InvalidSchedule
from apps.jobs.forms import ScheduleForm
from apps.jobs.models import JobSchedule
from apps.jobs.services.actions import run_now
from tradeops.lib import clock


@admin.register(JobSchedule)
class JobScheduleAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    """The change page shows the next five runs of what has been entered, before it is saved."""

    form = ScheduleForm
    change_form_template = "admin/jobs/jobschedule/change_form.html"
    list_display = ("job", "title", "planned", "enabled", "next_due", "depends_on", "catch_up", "last_run")
    readonly_fields = ("job", "title", "default")
    actions = ("run_now", "skip_next", "unskip")
    fieldsets = (
        (None, {"fields": ("job", "title", "enabled")}),
        ("When it is due", {"fields": ("cron", "time_zone", "calendar", "minutes_after_close", "default")}),
        ("When that cannot be", {"fields": ("grace_minutes", "catch_up", "depends_on")}),
    )

    @admin.display(description="What it does")
    def title(self, schedule: JobSchedule) -> str:
        return registry.find(schedule.job).title if registry.is_known(schedule.job) else "Not in this version"

    @admin.display(description="When")
    def planned(self, schedule: JobSchedule) -> str:
        return str(schedule.plan)

    @admin.display(description="Default")
    def default(self, schedule: JobSchedule) -> str:
        """When it came with the product, and why then."""
        if not registry.is_known(schedule.job):
            return "-"
        job = registry.find(schedule.job)
        return f"{job.plan}. {job.why_then}".strip() if job.why_then else str(job.plan)

    @admin.display(description="Next run (UTC)", ordering="next_due_at")
    def next_due(self, schedule: JobSchedule) -> str:
        if schedule.next_due_at is None:
            return "-"
        skipped = f", skipped by {schedule.skipped_by}" if schedule.skip_slot == schedule.next_due_at else ""
        return f"{schedule.next_due_at:%a %Y-%m-%d %H:%M}{skipped}"

    @admin.display(description="Last run")
    def last_run(self, schedule: JobSchedule) -> str:
        run = selectors.last_run(job=schedule.job)
        return f"{run.get_state_display()}, {run.created_at:%Y-%m-%d %H:%M} UTC" if run else "-"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        if isinstance(form, ScheduleForm):
            context |= {"preview": form.preview(), "zone": form.instance.time_zone}
        context["may_act"] = self.has_run_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

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
        try:
            run_now(job=job, actor=request.user.get_username(), reason="", now=clock.now())
        except ActionRefused as error:
            self.message_user(request, str(error), messages.WARNING)
            return False
        return True

    @admin.action(description="Skip the next run", permissions=["run"])
    def skip_next(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> None:
        actor = request.user.get_username()
        for schedule in queryset:
            try:
                slot = services.skip_next(schedule=schedule, actor=actor, now=clock.now())
            except InvalidSchedule as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                message = f"The run of {schedule.job} on {slot:%a %Y-%m-%d %H:%M} UTC will be skipped."
                self.message_user(request, message, messages.SUCCESS)

    @admin.action(description="Do not skip the next run", permissions=["run"])
    def unskip(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> None:
        actor = request.user.get_username()
        done = [services.unskip(schedule=schedule, actor=actor, now=clock.now()) for schedule in queryset]
        self.message_user(request, f"{sum(done)} will run after all.")

    def has_run_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(registry.RUN_PERMISSION)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobSchedule | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: JobSchedule, form: ScheduleForm, change: bool) -> None:
        services.update_schedule(schedule=obj, now=clock.now(), actor=request.user.get_username())
