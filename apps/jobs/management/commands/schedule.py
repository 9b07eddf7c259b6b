from __future__ import annotations

import getpass
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from apps.jobs import registry, selectors, services
from apps.jobs.models import JobSchedule
from apps.jobs.services import actions, schedule_rules
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show

SHOWN = 5
# Option, field, type, help.
EDITS: tuple[tuple[str, str, type, str], ...] = (
    ("--cron", "cron", str, "minute hour day month weekday; '' for by hand only"),
    ("--time-zone", "time_zone", str, "the cron's clock, such as UTC or America/New_York"),
    ("--calendar", "calendar", str, "only on trading days of this exchange, such as XNYS; '' for every day"),
    ("--minutes-after-close", "minutes_after_close", int, "after the close, half-days too; -1 to go by the cron again"),
    ("--catch-up", "catch_up", str, "what becomes of missed slots: skip, once or all"),
    ("--grace-minutes", "grace_minutes", int, "how late a slot may still start"),
    ("--depends-on", "depends_on", str, "wait until this job has succeeded; '' for none"),
)


class Command(BaseCommand):
    help = "Show, preview or change when a job is due; skip its next run; pause everything; check all schedules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", nargs="?", help="the job; `manage.py jobs` lists them")
        for option, field, kind, text in EDITS:
            parser.add_argument(option, dest=field, type=kind, help=text)
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--enable", dest="enabled", action="store_true", default=None)
        switch.add_argument("--disable", dest="enabled", action="store_false")
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--preview", action="store_true", help="show the next runs of the change and do not save it")
        act.add_argument("--skip-next", action="store_true", help="do not run the next slot; say why with --reason")
        act.add_argument("--unskip", action="store_true", help="run the next slot after all")
        act.add_argument("--pause", metavar="REASON", help="hand nothing out until --resume")
        act.add_argument("--resume", action="store_true")
        parser.add_argument("--reason", default="", help="why the next slot is skipped or not; kept in the journal")
        act.add_argument("--check", action="store_true", help="check every schedule; fails when one cannot be used")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["pause"] or options["resume"]:
                self._pause(options["pause"])
            elif options["check"]:
                self._check_all()
            else:
                self._one(options)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error

    def _pause(self, reason: str | None) -> None:
        if reason:
            done = services.pause_jobs(actor=actor(), reason=reason, now=clock.now())
            self.stdout.write("Paused: nothing is handed out." if done else "It was paused already.")
        else:
            done = services.resume_jobs(actor=actor(), now=clock.now())
            self.stdout.write("Resumed." if done else "It was not paused.")

    def _check_all(self) -> None:
        schedules = list(JobSchedule.objects.all())
        problems = [
            f"{schedule.job}, {field}: {problem}"
            for schedule in schedules
            for field, problem in schedule_rules.find_problems(schedule=schedule, now=clock.now()).items()
        ]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"All {len(schedules)} schedules can be used.")

    def _one(self, options: dict[str, Any]) -> None:
        if not options["job"]:
            raise CommandError("Name a job; `manage.py jobs` lists them.")
        schedule, now = find_schedule(options["job"]), clock.now()
        if options["skip_next"]:
            skip(schedule, options["reason"].strip(), now)
        elif options["unskip"]:
            actions.unskip(schedule=schedule, actor=actor(), reason=options["reason"].strip(), now=now)
        elif enter(schedule, options):
            schedule_rules.check(schedule=schedule, now=now)
            if not options["preview"]:
                services.update_schedule(schedule=schedule, now=now, actor=actor())
        self._show(schedule)

    def _show(self, schedule: JobSchedule) -> None:
        depends = f", after {schedule.depends_on}" if schedule.depends_on else ""
        state = "" if schedule.enabled else " (off)"
        table = Table("UTC", schedule.time_zone, "At the exchange", "", title=f"{schedule.job}: {schedule.plan}{state}")
        for slot in selectors.next_slots(schedule, SHOWN, clock.now()):
            table.add_row(slot.utc_text, slot.local_text, slot.exchange_text, "skipped" if slot.is_skipped else "")
        policy = f"Grace {schedule.grace_minutes} min, catch-up {schedule.catch_up}{depends}."
        show(self.stdout, table, policy)


def actor() -> str:
    return f"{getpass.getuser()} (schedule)"


def skip(schedule: JobSchedule, reason: str, now: datetime) -> None:
    if not reason:
        raise CommandError(f'Say why: manage.py schedule {schedule.job} --skip-next --reason "..."')
    actions.skip_next(schedule=schedule, actor=actor(), reason=reason, now=now)


def find_schedule(name: str) -> JobSchedule:
    job = registry.find(name)
    schedule = JobSchedule.objects.filter(job=job.name).first()
    if schedule is None:
        raise CommandError(f"{job.name} has no schedule yet: run `manage.py migrate`.")
    return schedule


def enter(schedule: JobSchedule, options: dict[str, Any]) -> bool:
    """Put what was given into the schedule; whether anything was."""
    given = {field: options[field] for _, field, _, _ in EDITS if options[field] is not None}
    if given.get("minutes_after_close") == -1:
        given["minutes_after_close"] = None
    if options["enabled"] is not None:
        given["enabled"] = options["enabled"]
    for field, value in given.items():
        setattr(schedule, field, value)
    return bool(given)
