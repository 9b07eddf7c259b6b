"""Is the time of the weekly login well chosen? Against planned restarts, and jobs that would want the broker before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from django.conf import settings

from apps.broker import selectors as broker
from apps.broker.checks import WEEKLY_LOGIN_HINT
from apps.broker.domain.weekly_login import WeeklyLogin, without_login
from apps.console.doctor.verdicts import Check, ok, warn
from apps.jobs import registry
from apps.jobs.domain import plans
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule
from tradeops.lib import clock

NAME = "weekly login times"
# A job of each month may meet one of them only.
WEEKS_AHEAD = 5


def check_times() -> Iterator[Check]:
    """Nothing where no appointment is set."""
    login = settings.BROKER.weekly_login
    if login is None:
        return
    now = clock.now()
    collision, early = broker.weekly_login_collision(now=now), list(jobs_before(login, now=now))
    if collision:
        yield warn(NAME, collision, WEEKLY_LOGIN_HINT)
    if early:
        remedy = "Change their times on the schedules' pages, or log in earlier (IBKR_WEEKLY_LOGIN)."
        yield warn(NAME, " ".join(early), remedy)
    if not collision and not early:
        yield ok(NAME, "apart from planned restarts, and no job wants the broker between the weekend's reset and it")


def jobs_before(login: WeeklyLogin, *, now: datetime) -> Iterator[str]:
    """Enabled jobs that need the broker and are due when nobody may have logged in yet, one sentence each."""
    for schedule in JobSchedule.objects.filter(enabled=True).order_by("job"):
        if registry.is_known(schedule.job) and registry.find(schedule.job).planned_outage is not None:
            with suppress(InvalidSchedule):
                yield from _too_early(schedule, login, now)


def _too_early(schedule: JobSchedule, login: WeeklyLogin, now: datetime) -> Iterator[str]:
    appointment = now
    for _ in range(WEEKS_AHEAD):
        appointment = login.following(appointment)
        begins, ends = without_login(appointment)
        slot = plans.next_slot(schedule.plan, max(begins - plans.INSTANT, now))
        if slot is not None and slot < ends:
            yield (
                f"{schedule.job} is due {slot:%a %Y-%m-%d %H:%M} UTC, between the end of IB's weekend reset "
                f"({begins:%a %H:%M} UTC) and the weekly login ({ends:%a %H:%M} UTC): it fails where the old login has "
                "ended."
            )
            return
