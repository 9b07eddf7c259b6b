"""All jobs at one look, and what can be done with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.jobs import causes, diagnosis, overview, registry, selectors, services
from apps.jobs.admin.confirming import Question, confirm, may_act, require_right
from apps.jobs.models import JobSchedule, Overview
from apps.jobs.registry import Job
from apps.jobs.services import actions
from apps.journal import selectors as journal
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin

LOG_LINES = 8
LOOKED_AT = 400


@admin.register(Overview)
class OverviewAdmin(ReadOnlyAdmin):
    """Its list is the page."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("pause/", wrap(self.pause), name="jobs_overview_pause"),
            path("resume/", wrap(self.resume), name="jobs_overview_resume"),
            path("<str:name>/run/", wrap(self.run), name="jobs_overview_run"),
            path("<str:name>/skip/", wrap(self.skip), name="jobs_overview_skip"),
            path("<str:name>/unskip/", wrap(self.unskip), name="jobs_overview_unskip"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = clock.now()
        pause, worker = overview.current_pause(), selectors.worker_state(now=now)
        cards = overview.job_cards(now=now, pause=pause)
        checks = diagnosis.checks(worker=worker, pause=pause, now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Jobs",
            "opts": self.opts,
            "now": now,
            "cards": cards,
            "tally": overview.tally(cards),
            "pause": pause,
            "worker": worker,
            "checks": checks,
            "bad_checks": sum(check.is_good is False for check in checks),
            "causes": causes.common_causes(),
            "crontab_line": causes.crontab_line(),
            "follow_command": diagnosis.manage("logs scheduler --follow"),
            "events": [event for event in journal.latest_events(limit=LOOKED_AT) if event.scope == "jobs"][:LOG_LINES],
            "may_act": may_act(request),
            "runnable": {card.name for card in cards if may_act(request, card.name)},
        }
        return TemplateResponse(request, "admin/jobs/overview.html", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """There is no page of a single row: a job's schedule and its runs have theirs."""
        return None

    def run(self, request: HttpRequest, name: str) -> HttpResponse:
        job = known_job(name)
        actor = require_right(request, name)
        sentences = [f"{job.title}. It is queued at once and takes its turn behind a run of the same job."]
        if not selectors.worker_is_alive(now=clock.now()):
            sentences.append("No worker is running: the run waits in the queue until one does.")

        def act(reason: str) -> tuple[str, str]:
            run = actions.run_now(job=job, actor=actor, reason=reason, now=clock.now())
            return f"{job.name} is queued as run {run.pk}.", reverse("admin:jobs_jobrun_change", args=[run.pk])

        return confirm(self, request, Question(f"Run {job.name} now?", sentences, "Run now", back=page()), act)

    def skip(self, request: HttpRequest, name: str) -> HttpResponse:
        actor, schedule = require_right(request, name), known_schedule(name)
        at = f"{schedule.next_due_at:%a %Y-%m-%d %H:%M} UTC" if schedule.next_due_at else "none is planned"
        sentences = [f"The next slot ({at}) is not run and is recorded as skipped. The one after it runs as planned."]
        question = Question(
            f"Skip the next run of {name}?", sentences, "Skip it", back=page(), is_dangerous=True, needs_reason=True
        )

        def act(reason: str) -> tuple[str, str]:
            slot = actions.skip_next(schedule=schedule, actor=actor, reason=reason, now=clock.now())
            return f"{name} will not run at {slot:%a %Y-%m-%d %H:%M} UTC.", page()

        return confirm(self, request, question, act)

    def unskip(self, request: HttpRequest, name: str) -> HttpResponse:
        actor, schedule = require_right(request, name), known_schedule(name)
        question = Question(f"Run the next slot of {name} after all?", (), "Do not skip it", back=page())

        def act(reason: str) -> tuple[str, str]:
            actions.unskip(schedule=schedule, actor=actor, reason=reason, now=clock.now())
            return f"{name} runs as planned.", page()

        return confirm(self, request, question, act)

    def pause(self, request: HttpRequest) -> HttpResponse:
        actor = require_right(request)
        sentences = [
            "No schedule hands out a run until somebody resumes: no snapshot, no rebalance, no report.",
            "What runs now goes on. Run now still works. Trading is not halted by this.",
        ]
        question = Question(
            "Pause all schedules?", sentences, "Pause everything", back=page(), is_dangerous=True, needs_reason=True
        )

        def act(reason: str) -> tuple[str, str]:
            paused = services.pause_jobs(actor=actor, reason=reason, now=clock.now())
            return "All schedules are paused." if paused else "They were paused already.", page()

        return confirm(self, request, question, act)

    def resume(self, request: HttpRequest) -> HttpResponse:
        actor, pause = require_right(request), overview.current_pause()
        said = [f"{pause.paused_by} paused them: {pause.reason or 'no reason given'}."] if pause else []
        sentences = [*said, "Slots that fell into the pause follow each job's grace and catch-up policy."]
        question = Question("Resume all schedules?", sentences, "Resume", back=page())

        def act(reason: str) -> tuple[str, str]:
            resumed = actions.resume(actor=actor, reason=reason, now=clock.now())
            return "All schedules go on." if resumed else "They were not paused.", page()

        return confirm(self, request, question, act)


def page() -> str:
    return reverse("admin:jobs_overview_changelist")


def known_job(name: str) -> Job:
    if not registry.is_known(name):
        raise Http404(f"There is no job {name} in this version.")
    return registry.find(name)


def known_schedule(name: str) -> JobSchedule:
    schedule = JobSchedule.objects.filter(job=name).first()
    if schedule is None:
        raise Http404(f"There is no schedule of {name}.")
    return schedule
