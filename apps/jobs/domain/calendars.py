"""Trading days and closing times of the exchanges, half-days included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apps.jobs.exceptions import InvalidSchedule
from tradeops.lib.sessions import UnknownCalendar, sessions_of

# No exchange stays closed for longer; the longest closure on record after 1945 is far below it.
LONGEST_CLOSURE_DAYS = 60
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Exchange:
    label: str
    time_zone: str


# Named here, so that forms and checks need not import the library; a test compares it with the library.
EXCHANGES = {
    "XNYS": Exchange("New York (NYSE)", "America/New_York"),
    "XNAS": Exchange("New York (Nasdaq)", "America/New_York"),
    "XLON": Exchange("London (LSE)", "Europe/London"),
    "XETR": Exchange("Frankfurt (Xetra)", "Europe/Berlin"),
    "XPAR": Exchange("Paris (Euronext)", "Europe/Paris"),
    "XAMS": Exchange("Amsterdam (Euronext)", "Europe/Amsterdam"),
    "XMIL": Exchange("Milan (Borsa Italiana)", "Europe/Rome"),
    "XMAD": Exchange("Madrid (BME)", "Europe/Madrid"),
    "XSWX": Exchange("Zurich (SIX)", "Europe/Zurich"),
    "XSTO": Exchange("Stockholm (Nasdaq)", "Europe/Stockholm"),
    "XTSE": Exchange("Toronto (TSX)", "America/Toronto"),
    "XTKS": Exchange("Tokyo (TSE)", "Asia/Tokyo"),
    "XHKG": Exchange("Hong Kong (HKEX)", "Asia/Hong_Kong"),
    "XASX": Exchange("Sydney (ASX)", "Australia/Sydney"),
}


def find_zone(code: str) -> ZoneInfo:
    """The exchange's time zone. Raises InvalidSchedule."""
    if code not in EXCHANGES:
        raise InvalidSchedule(f"Unknown calendar {code!r}. Use one of: {', '.join(EXCHANGES)}; or none for every day.")
    return ZoneInfo(EXCHANGES[code].time_zone)


@lru_cache(maxsize=128)
def closes_of(code: str, year: int) -> Mapping[date, datetime]:
    """The trading days of a year, each with the instant (UTC) at which trading ends."""
    find_zone(code)
    try:
        return {day: session.closes_at for day, session in sessions_of(code, year).items()}
    except UnknownCalendar as error:
        raise InvalidSchedule(str(error)) from error


def close_on(code: str, day: date) -> datetime | None:
    """None when the exchange does not trade on that day."""
    return closes_of(code, day.year).get(day)


def is_trading_day(code: str, day: date) -> bool:
    return close_on(code, day) is not None


def day_of(code: str, instant: datetime) -> date:
    """The exchange's date at that instant."""
    return instant.astimezone(find_zone(code)).date()


def start_of(code: str, day: date) -> datetime:
    """Midnight at the exchange, in UTC."""
    return datetime.combine(day, time(0), find_zone(code)).astimezone(UTC)


def next_trading_day(code: str, after: date) -> date:
    return _seek(code, after, DAY)


def last_trading_day(code: str, before: date) -> date:
    return _seek(code, before, -DAY)


def _seek(code: str, day: date, step: timedelta) -> date:
    for _ in range(LONGEST_CLOSURE_DAYS):
        day += step
        if is_trading_day(code, day):
            return day
    raise InvalidSchedule(f"The calendar {code} has no trading day near {day}.")
