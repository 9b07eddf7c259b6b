"""Schedules in the control room."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.jobs import latest, registry, selectors, services
from apps.jobs.admin.confirming import confirm_many, may_act
from apps.jobs.forms import ScheduleForm
from apps.jobs.models import JobSchedule
from apps.jobs.services import actions
from tradeops.lib import clock


class ScheduleList(ChangeList):
    """With the last run of each, read for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        schedules = list(self.result_list)
        runs = latest.runs_of([schedule.job for schedule in schedules], 1)
        for schedule in schedules:
            schedule.last_run = next(iter(runs[schedule.job]), None)
        self.result_list = schedules


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
        run = getattr(schedule, "last_run", None)
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
    def run_now(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> HttpResponse:
        actor = request.user.get_username()

        def act(schedule: JobSchedule, reason: str) -> None:
            actions.run_now(job=registry.find(schedule.job), actor=actor, reason=reason, now=clock.now())

        sentences = ["Each is queued at once and takes its turn behind a run of the same job."]
        if not selectors.worker_is_alive(now=clock.now()):
            sentences.append("No worker is running: the runs wait in the queue until one does.")
        return confirm_many(
            self,
            request,
            queryset,
            act,
            action="run_now",
            title="Run these jobs now?",
            button="Run now",
            sentences=sentences,
        )

    @admin.action(description="Skip the next run", permissions=["run"])
    def skip_next(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> HttpResponse:
        actor = request.user.get_username()
        return confirm_many(
            self,
            request,
            queryset,
            lambda schedule, reason: actions.skip_next(schedule=schedule, actor=actor, reason=reason, now=clock.now()),
            action="skip_next",
            title="Skip the next run of these jobs?",
            button="Skip them",
            sentences=[
                "The next slot of each is not run and is recorded as skipped. The one after it runs as planned."
            ],
            is_dangerous=True,
            describe=self._next_of,
        )

    @admin.action(description="Do not skip the next run", permissions=["run"])
    def unskip(self, request: HttpRequest, queryset: QuerySet[JobSchedule]) -> HttpResponse:
        actor = request.user.get_username()
        return confirm_many(
            self,
            request,
            queryset,
            lambda schedule, reason: actions.unskip(schedule=schedule, actor=actor, reason=reason, now=clock.now()),
            action="unskip",
            title="Run the next slot of these jobs after all?",
            button="Do not skip them",
            sentences=(),
            describe=self._next_of,
        )

    def _next_of(self, schedule: JobSchedule) -> str:
        at = f"{schedule.next_due_at:%a %Y-%m-%d %H:%M} UTC" if schedule.next_due_at else "none is planned"
        return f"{schedule.job}: {at}"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ScheduleList

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may_act(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobSchedule | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: JobSchedule, form: ScheduleForm, change: bool) -> None:
        services.update_schedule(schedule=obj, now=clock.now(), actor=request.user.get_username())
