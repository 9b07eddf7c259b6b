"""When a cron expression is due in a time zone, also in the nights when the clocks change.

A job at fixed hours runs once a day: a wall time that the spring skips is shifted by the hour, one that the autumn
repeats counts the first time. A job whose hour is `*` follows elapsed time: every hour that exists, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, CroniterError, croniter

from apps.jobs.exceptions import InvalidSchedule

# No zone shifts its clock by more than this at once, so no other wall time can come first in UTC.
WIDEST_SHIFT = timedelta(hours=3)
# No zone shifts its clock and back again within this time.
STEADY = timedelta(days=7)
EXAMPLE = "Use five fields: minute hour day month weekday, such as `35 16 * * *`."


def find_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidSchedule(f"Unknown time zone {name!r}. Use a name such as UTC or Europe/London.") from None


def check_cron(cron: str) -> None:
    """Raises InvalidSchedule, also for an expression that is never due such as 30 February."""
    if len(cron.split()) != 5:
        raise InvalidSchedule(f"{cron!r} is not a cron expression. {EXAMPLE}")
    try:
        croniter(cron, datetime(2024, 1, 1), ret_type=datetime).get_next()
    except CroniterBadDateError:
        raise InvalidSchedule(f"{cron!r} names a date that never comes.") from None
    except (CroniterError, ValueError, KeyError) as error:
        raise InvalidSchedule(f"{cron!r} is not a cron expression: {error}. {EXAMPLE}") from None


def next_due(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The first instant (UTC) at which the expression is due after `after`."""
    wall = after.astimezone(zone).replace(tzinfo=None)
    simple: timedelta = croniter(cron, wall, ret_type=datetime).get_next() - wall
    if _is_steady(zone, after, after + simple):
        return after + simple
    steps = croniter(cron, wall - WIDEST_SHIFT, ret_type=datetime)
    return _nearest(steps.get_next, zone, follows_elapsed_time(cron), lambda instant: instant - after, ZERO)


def last_due(cron: str, zone: ZoneInfo, until: datetime) -> datetime:
    """The latest instant (UTC) at which the expression was due, `until` included."""
    wall = until.astimezone(zone).replace(tzinfo=None)
    simple: timedelta = wall - croniter(cron, wall + INSTANT, ret_type=datetime).get_prev()
    if _is_steady(zone, until - simple, until):
        return until - simple
    steps = croniter(cron, wall + WIDEST_SHIFT, ret_type=datetime)
    return _nearest(steps.get_prev, zone, follows_elapsed_time(cron), lambda instant: until - instant, -INSTANT)


ZERO = timedelta(0)
INSTANT = timedelta(microseconds=1)


def following(cron: str, zone: ZoneInfo, after: datetime, count: int) -> list[datetime]:
    """The next `count` instants (UTC) after `after`."""
    instants: list[datetime] = []
    for _ in range(count):
        after = next_due(cron, zone, after)
        instants.append(after)
    return instants


def follows_elapsed_time(cron: str) -> bool:
    return cron.split()[1].startswith("*")


def _is_steady(zone: ZoneInfo, start: datetime, end: datetime) -> bool:
    """Does the zone keep its clock from start to end, and near both? Then wall time and elapsed time agree."""
    moments = (start - WIDEST_SHIFT, start, end, end + WIDEST_SHIFT)
    return end - start <= STEADY and len({moment.astimezone(zone).utcoffset() for moment in moments}) == 1


def _nearest(
    step: Callable[[], datetime],
    zone: ZoneInfo,
    elapsed: bool,
    distance: Callable[[datetime], timedelta],
    beyond: timedelta,
) -> datetime:
    """The instant with the smallest distance above `beyond`, looked for until no later wall time can be nearer."""
    best: tuple[timedelta, datetime, datetime] | None = None
    while True:
        wall = step()
        if best is not None and abs(wall - best[2]) > WIDEST_SHIFT:
            return best[1]
        for instant in instants_of(wall, zone, elapsed):
            away = distance(instant)
            if away > beyond and (best is None or away < best[0]):
                best = (away, instant, wall)


def instants_of(wall: datetime, zone: ZoneInfo, elapsed: bool) -> Iterator[datetime]:
    """The instants that a wall time stands for: none or two only for a job that follows elapsed time."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    exists = first.astimezone(zone).replace(tzinfo=None) == wall
    if exists or not elapsed:
        yield first
    if exists and elapsed:
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if second != first:
            yield second
