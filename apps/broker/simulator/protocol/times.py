"""Moments as the gateway writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..types import RequestError

EASTERN = ZoneInfo("US/Eastern")
_MOMENT = re.compile(r"(\d{8})(?:[- ]+(\d{2}:\d{2}:\d{2}))?(?: +(\S.*))?")


def session_text(moment: datetime) -> str:
    """The connection time of the handshake: `20261120 06:40:00 EST`."""
    return moment.astimezone(EASTERN).strftime("%Y%m%d %H:%M:%S %Z")


def zoned_text(moment: datetime, zone: str) -> str:
    """`20261120 09:30:00 US/Eastern`"""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y%m%d %H:%M:%S} {zone}"


def utc_text(moment: datetime) -> str:
    """`20261120-14:30:00`"""
    return f"{moment.astimezone(UTC):%Y%m%d-%H:%M:%S}"


def clock_text(moment: datetime) -> str:
    """`09:30`, exchange time, as the account time message has it."""
    return f"{moment.astimezone(EASTERN):%H:%M}"


def epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def parse_moment(value: str, default_zone: str = "US/Eastern") -> datetime | None:
    """A moment in a request: empty (None), `20261120-14:30:00` (UTC), `20261120 09:30:00[ US/Eastern]`, `20261120`.

    Raises RequestError 10314 as IB does when the form is wrong.
    """
    value = value.strip()
    if not value:
        return None
    match = _MOMENT.fullmatch(value)
    if match is None:
        raise _wrong_form(value)
    day, clock, zone_name = match.groups()
    try:
        naive = datetime.strptime(f"{day} {clock or '23:59:59'}", "%Y%m%d %H:%M:%S")
        zone = UTC if clock and f"{day}-{clock}" == value else ZoneInfo(zone_name or default_zone)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise _wrong_form(value) from None
    return naive.replace(tzinfo=zone).astimezone(UTC)


def date_text(day: date) -> str:
    return f"{day:%Y%m%d}"


def _wrong_form(value: str) -> RequestError:
    return RequestError(
        10314,
        f"End Date/Time: The date, time, or time-zone entered is invalid: {ascii(value[:40])}. "
        "The correct format is yyyymmdd hh:mm:ss xx/xxxx or yyyymmdd-hh:mm:ss (UTC).",
    )
