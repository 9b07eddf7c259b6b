"""Runs in the control room: read only, ended rows are the record; what may be asked of them is asked by buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.jobs import registry, run_view
from apps.jobs.admin.confirming import Question, confirm, confirm_many, may_act, require_right
from apps.jobs.choices import UNSUCCESSFUL, RunState
from apps.jobs.domain.wording import span
from apps.jobs.models import JobRun, JobSchedule
from apps.jobs.run_view import TONES
from apps.jobs.services import actions
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin


class JobFilter(admin.SimpleListFilter):
    """The names come from the declarations and schedules: asking a million runs for theirs takes seconds."""

    title = "job"
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        declared = {job.name for job in registry.all_jobs()}
        return [(name, name) for name in sorted(declared | set(JobSchedule.objects.values_list("job", flat=True)))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> QuerySet[JobRun]:
        return queryset.filter(job=self.value()) if self.value() else queryset


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    change_list_template = "admin/jobs/run_list.html"
    list_display = ("number", "job", "state_tag", "attempts", "slot", "created_at", "took", "started_by")
    list_display_links = ("number",)
    # By anything else a million rows would have to be sorted first.
    sortable_by = ("number", "created_at")
    show_facets = admin.ShowFacets.NEVER
    list_filter = ("state", JobFilter, "created_at")
    search_fields = ("id",)
    search_help_text = "A run's number, part of a job's name, or words of an error"
    list_per_page = 50
    actions = ("retry", "cancel")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/live/", wrap(self.live), name="jobs_jobrun_live"),
            path("<int:pk>/cancel/", wrap(self.cancel_one), name="jobs_jobrun_cancel"),
            path("<int:pk>/retry/", wrap(self.retry_one), name="jobs_jobrun_retry"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobRun]:
        runs: QuerySet[JobRun] = super().get_queryset(request)
        return runs.defer("log", "traceback", "result")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JobRun], search_term: str
    ) -> tuple[QuerySet[JobRun], bool]:
        """Every way of finding has its index: names become whole names, errors are looked for among failures."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 19:
            return queryset.filter(pk=int(term)), False
        names = [name for name, _ in JobFilter.lookups(self, request, self) if term.lower() in name]  # type: ignore[arg-type]
        return queryset.filter(Q(job__in=names) | Q(state__in=UNSUCCESSFUL, error__icontains=term)), False

    @admin.display(description="Run", ordering="id")
    def number(self, run: JobRun) -> str:
        return f"{run.pk}"

    @admin.display(description="State", ordering="state")
    def state_tag(self, run: JobRun) -> SafeString:
        tone, label = TONES[RunState(run.state)], run.get_state_display()
        return format_html('<span class="tag tag-{}">{}</span>', tone, label)

    @admin.display(description="Attempts")
    def attempts(self, run: JobRun) -> str:
        return f"{run.attempt} of {run.max_attempts}"

    @admin.display(description="Took")
    def took(self, run: JobRun) -> str:
        """Of a run that goes on, how far it is."""
        if run.state == RunState.RUNNING:
            return run_view.progress_text(run) or "-"
        return span(run.ended_at - run.attempt_started_at) if run.ended_at and run.attempt_started_at else "-"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        run = find(object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{run.job}, run {run.pk}",
            "job_title": registry.find(run.job).title if registry.is_known(run.job) else "Not in this version",
            "opts": self.opts,
            "run": run,
            "view": view_of(run),
            "retries": run.retries.order_by("id"),
            "may_act": may_act(request, run.job),
        }
        return TemplateResponse(request, "admin/jobs/run.html", context)

    def live(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the page shows, for the page to fetch."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return JsonResponse(view_of(find(pk)).as_json(), headers={"Cache-Control": "no-store"})

    def cancel_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = find(pk)
        actor = require_right(request, run.job)
        running = run.state == RunState.RUNNING
        sentences = [STOPPING if running else "It waits in the queue and is taken out at once. It never starts."]
        title = f"Ask run {pk} of {run.job} to stop?" if running else f"Cancel run {pk} of {run.job}?"
        button = "Ask it to stop" if running else "Cancel the run"
        question = Question(title, sentences, button, address(run), is_dangerous=True, needs_reason=True)

        def act(reason: str) -> tuple[str, str]:
            at_once = actions.cancel_or_stop(run_id=pk, actor=actor, reason=reason, now=clock.now())
            return f"Run {pk} is {'cancelled' if at_once else 'asked to stop'}.", address(run)

        return confirm(self, request, question, act)

    def retry_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        run = find(pk)
        actor = require_right(request, run.job)
        sentences = [f"A new run does the work again{purpose(run)}. This one stays as it is, and both are linked."]
        question = Question(f"Retry run {pk} of {run.job}?", sentences, "Retry", address(run))

        def act(reason: str) -> tuple[str, str]:
            again = actions.retry_run(run_id=pk, actor=actor, reason=reason, now=clock.now())
            return f"Run {again.pk} does the work of run {pk}.", address(again)

        return confirm(self, request, question, act)

    @admin.action(description="Retry", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> HttpResponse:
        actor = request.user.get_username()
        sentences = ["Each is done again by a new run, for the same slot. Those that succeeded or go on are left out."]
        return confirm_many(
            self,
            request,
            queryset,
            lambda run, reason: actions.retry_run(run_id=run.pk, actor=actor, reason=reason, now=clock.now()),
            action="retry",
            title="Retry these runs?",
            button="Retry",
            sentences=sentences,
        )

    @admin.action(description="Cancel or stop", permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> HttpResponse:
        actor = request.user.get_username()
        return confirm_many(
            self,
            request,
            queryset,
            lambda run, reason: actions.cancel_or_stop(run_id=run.pk, actor=actor, reason=reason, now=clock.now()),
            action="cancel",
            title="Cancel these runs?",
            button="Cancel them",
            sentences=["Waiting runs are cancelled at once.", STOPPING],
            is_dangerous=True,
        )

    def has_act_permission(self, request: HttpRequest) -> bool:
        return may_act(request)


STOPPING = (
    "A running job is asked to stop: it ends at its next step, within a second or so, and is not tried again. "
    "What it has stored until then stays."
)


def find(pk: int | str) -> JobRun:
    run = JobRun.objects.filter(pk=int(pk)).first() if str(pk).isascii() and str(pk).isdigit() else None
    if run is None:
        raise Http404(f"There is no run {pk}.")
    return run


def view_of(run: JobRun) -> run_view.RunView:
    schedule = JobSchedule.objects.filter(job=run.job).first()
    return run_view.view_of(run, schedule=schedule, now=clock.now())


def purpose(run: JobRun) -> str:
    return f", for the slot of {run.purpose:%a %Y-%m-%d %H:%M} UTC" if run.purpose else ""


def address(run: JobRun) -> str:
    return reverse("admin:jobs_jobrun_change", args=[run.pk])
