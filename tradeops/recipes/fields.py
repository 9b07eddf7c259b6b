"""The five fields of a cron expression as plain lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from croniter import croniter

from apps.jobs.domain.cron import check_cron
from apps.jobs.exceptions import InvalidSchedule

Field = list[int] | None


@dataclass(frozen=True, slots=True)
class Fields:
    """None stands for `*`. Weekdays count from 0, Sunday."""

    minutes: Field
    hours: Field
    days: Field
    months: Field
    weekdays: Field

    def day_rules(self) -> list[tuple[Field, Field]]:
        """(days, weekdays) pairs, any of which suffices: with both given, cron means either."""
        if self.days and self.weekdays:
            return [(self.days, None), (None, self.weekdays)]
        return [(self.days, self.weekdays)]


def read_fields(cron: str) -> Fields:
    """Raises InvalidSchedule, also for words such as `l` or `5#2` that other schedulers do not know."""
    check_cron(cron)
    expanded, nth = croniter.expand(cron)
    if nth or any(isinstance(value, str) and value != "*" for field in expanded for value in field):
        raise InvalidSchedule(f"{cron!r} uses words that other schedulers do not know.")
    return Fields(*(numbers(field) for field in expanded[:5]))


def numbers(field: Sequence[int | str]) -> Field:
    return None if "*" in field else sorted(value for value in field if isinstance(value, int))
