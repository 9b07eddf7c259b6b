"""Opening and closing times of the exchanges, half-days and lunch breaks included, from exchange-calendars.

The library takes a second to import and its own calendars end a year ahead: it is imported when first asked, and each
year is built, and kept, when a day of it is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tradeops.lib.errors import TradeOpsError

# No exchange stays closed for longer.
LONGEST_CLOSURE_DAYS = 60


class UnknownCalendar(TradeOpsError):
    """The library does not know the exchange, or not that year of it."""


@dataclass(frozen=True, slots=True)
class Session:
    """One day's trading, in UTC. `break_starts_at`, `break_ends_at`: None where there is no break."""

    opens_at: datetime
    closes_at: datetime
    break_starts_at: datetime | None = None
    break_ends_at: datetime | None = None

    def contains(self, now: datetime) -> bool:
        if not self.opens_at <= now < self.closes_at:
            return False
        if self.break_starts_at is None or self.break_ends_at is None:
            return True
        return not self.break_starts_at <= now < self.break_ends_at


@lru_cache(maxsize=128)
def sessions_of(code: str, year: int) -> Mapping[date, Session]:
    """The trading days of a year. Raises UnknownCalendar."""
    with warnings.catch_warnings():
        # The library speaks to an older pandas; what it computes is compared in the tests.
        warnings.simplefilter("ignore")
        import exchange_calendars
        from exchange_calendars.errors import InvalidCalendarName

        try:
            calendar = exchange_calendars.get_calendar(code, start=f"{year}-01-01", end=f"{year}-12-31")
        except (ValueError, InvalidCalendarName) as error:
            raise UnknownCalendar(f"The calendar {code} does not know the year {year}: {error}") from error
        return {day.date(): _session(row) for day, row in calendar.schedule.iterrows()}


def is_open(code: str, now: datetime) -> bool:
    """Does the exchange trade at that instant? Raises UnknownCalendar."""
    days = (now.date() + timedelta(days=offset) for offset in (-1, 0, 1))
    found = (sessions_of(code, day.year).get(day) for day in days)
    return any(session is not None and session.contains(now) for session in found)


def last_session(code: str, now: datetime) -> tuple[date, Session]:
    """The session that goes on at that instant, or else the last one before it. Raises UnknownCalendar."""
    for back in range(-1, LONGEST_CLOSURE_DAYS):
        day = now.date() - timedelta(days=back)
        session = sessions_of(code, day.year).get(day)
        if session is not None and session.opens_at <= now:
            return day, session
    raise UnknownCalendar(
        f"The calendar {code} has no session in the {LONGEST_CLOSURE_DAYS} days before {now:%Y-%m-%d}."
    )


def _session(row: Any) -> Session:
    return Session(
        _instant(row["open"]), _instant(row["close"]), _optional(row["break_start"]), _optional(row["break_end"])
    )


def _optional(stamp: Any) -> datetime | None:
    # Pandas' missing time differs from itself.
    return _instant(stamp) if stamp == stamp else None


def _instant(stamp: Any) -> datetime:
    found: datetime = stamp.to_pydatetime()
    return found.astimezone(UTC)
