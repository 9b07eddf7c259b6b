"""The jobs that exist. Nothing outside this registry can run through the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.jobs.choices import CatchUp
from apps.jobs.context import JobContext
from apps.jobs.domain import plans
from apps.jobs.domain.retries import doubling_delays
from apps.jobs.exceptions import InvalidJob, UnknownJob

JobFunction = Callable[[JobContext], dict[str, Any]]
# Why the job cannot run just now; "" when it can.
Waits = Callable[[], str]
# From when to when what the job needs is away as planned, if it is at that moment.
Outage = Callable[[datetime], tuple[datetime, datetime] | None]

RUN_PERMISSION = "jobs.run_job"


@dataclass(frozen=True, slots=True)
class Job:
    """`retry_delays[n]` are the seconds before attempt n+1. `cron` empty: runs only when somebody asks.

    `why_then`: why the declared schedule is the default, for whoever edits it.

    While `waits_for()` names a reason, a run waits without using up an attempt, for at most `wait_limit` seconds after
    it was due.
    """

    name: str
    title: str
    function: JobFunction
    aliases: tuple[str, ...]
    attempts: int
    retry_delays: tuple[int, ...]
    timeout: int
    cron: str
    time_zone: str
    permission: str
    calendar: str = ""
    minutes_after_close: int | None = None
    catch_up: str = CatchUp.ONCE
    grace_minutes: int = 60
    depends_on: str = ""
    waits_for: Waits | None = None
    planned_outage: Outage | None = None
    wait_limit: int = 2 * 3600
    why_then: str = ""

    @property
    def plan(self) -> plans.Plan:
        return plans.Plan(self.cron, self.time_zone, self.calendar, self.minutes_after_close)


_jobs: dict[str, Job] = {}
_words: dict[str, Job] = {}


def job(
    *,
    name: str,
    title: str,
    aliases: Iterable[str] = (),
    attempts: int | None = None,
    retry_delays: tuple[int, ...] | None = None,
    timeout: int | None = None,
    cron: str = "",
    time_zone: str = "UTC",
    permission: str = RUN_PERMISSION,
    calendar: str = "",
    minutes_after_close: int | None = None,
    catch_up: str = CatchUp.ONCE,
    grace_minutes: int = 60,
    depends_on: str = "",
    waits_for: Waits | None = None,
    planned_outage: Outage | None = None,
    wait_limit: int = 2 * 3600,
    why_then: str = "",
) -> Callable[[JobFunction], JobFunction]:
    """Declare a function of a `tasks.py` as a job. Its schedule is only the default: operators edit the row.

    Attempts and the delays before them are MAX_RETRIES and RETRY_BASE_DELAY where the job does not say.
    """

    def declare(function: JobFunction) -> JobFunction:
        register(
            Job(
                name=name,
                title=title,
                function=function,
                aliases=tuple(aliases),
                attempts=attempts or settings.MAX_RETRIES,
                retry_delays=retry_delays or doubling_delays(settings.MAX_RETRIES, settings.RETRY_BASE_DELAY),
                timeout=timeout or settings.JOB_TIMEOUT_SECONDS,
                cron=cron,
                time_zone=time_zone,
                permission=permission,
                calendar=calendar,
                minutes_after_close=minutes_after_close,
                catch_up=catch_up,
                grace_minutes=grace_minutes,
                depends_on=depends_on,
                waits_for=waits_for,
                planned_outage=planned_outage,
                wait_limit=wait_limit,
                why_then=why_then,
            )
        )
        return function

    return declare


def register(declared: Job) -> None:
    _check(declared)
    words = (declared.name, *declared.aliases)
    for word in words:
        if word in _words:
            raise InvalidJob(f"Two jobs are called {word!r}.")
    _jobs[declared.name] = declared
    _words.update(dict.fromkeys(words, declared))


def unregister(name: str) -> None:
    declared = _jobs.pop(name)
    for word in (declared.name, *declared.aliases):
        del _words[word]


def _check(declared: Job) -> None:
    if declared.attempts < 1 or not declared.retry_delays:
        raise InvalidJob(f"Job {declared.name} needs at least one attempt and one delay.")
    longest = settings.Q_CLUSTER["retry"] // 2
    if declared.timeout > longest:
        raise InvalidJob(
            f"Job {declared.name}: timeout {declared.timeout} s is above {longest} s (Q_CLUSTER retry / 2)."
        )
    plans.check(declared.plan)


def all_jobs() -> list[Job]:
    return sorted(_jobs.values(), key=lambda declared: declared.name)


def names() -> dict[str, str]:
    """Every name and alias with the job's name."""
    return {word: declared.name for word, declared in _words.items()}


def is_known(name: str) -> bool:
    return name in _jobs


def find(name: str) -> Job:
    """By name or alias; raises UnknownJob that lists the choices."""
    try:
        return _words[name]
    except KeyError:
        choices = ", ".join(" / ".join((declared.name, *declared.aliases)) for declared in all_jobs()) or "none"
        raise UnknownJob(f"There is no job {name!r}. Choose one of: {choices}") from None
