"""What a schedule must fulfil. The form, the admin, the commands and `update_schedule` all ask here."""

from __future__ import annotations

from datetime import datetime

from apps.jobs import registry
from apps.jobs.choices import CatchUp
from apps.jobs.domain import plans
from apps.jobs.domain.dependencies import find_cycle
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule

A_YEAR_OF_MINUTES = 366 * 24 * 60


def find_problems(*, schedule: JobSchedule, now: datetime) -> dict[str, str]:
    """What is wrong with which field, each with its remedy; empty when the schedule can be used."""
    found = plans.problems(schedule.plan)
    if not found and not schedule.plan.is_empty:
        found |= _never_due(schedule, now)
    if schedule.catch_up not in CatchUp.values:
        found["catch_up"] = f"Unknown catch-up {schedule.catch_up!r}. Use one of: {', '.join(CatchUp.values)}."
    if not 0 <= schedule.grace_minutes <= A_YEAR_OF_MINUTES:
        found["grace_minutes"] = "The grace must lie between 0 minutes and a year."
    if schedule.depends_on and (problem := _dependency_problem(schedule)):
        found["depends_on"] = problem
    return found


def check(*, schedule: JobSchedule, now: datetime) -> None:
    """Raises InvalidSchedule with every problem."""
    found = find_problems(schedule=schedule, now=now)
    if found:
        raise InvalidSchedule(" ".join(found.values()))


def _never_due(schedule: JobSchedule, now: datetime) -> dict[str, str]:
    try:
        if plans.next_slot(schedule.plan, now) is not None:
            return {}
    except InvalidSchedule as error:
        return {"calendar": str(error)}
    return {"cron": f"{schedule.cron!r} never falls on a trading day of {schedule.calendar} within five years."}


def _dependency_problem(schedule: JobSchedule) -> str:
    if not registry.is_known(schedule.depends_on):
        names = ", ".join(job.name for job in registry.all_jobs() if job.name != schedule.job)
        return f"There is no job {schedule.depends_on!r}. Use one of: {names}."
    waits_on = dict(JobSchedule.objects.exclude(job=schedule.job).values_list("job", "depends_on"))
    cycle = find_cycle(schedule.job, {**waits_on, schedule.job: schedule.depends_on})
    if cycle:
        return f"These jobs would wait for each other for ever: {' -> '.join(cycle)}."
    return ""
