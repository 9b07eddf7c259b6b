"""Times as clients write them in orders."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..types import RequestError

EXCHANGE_TIME = ZoneInfo("US/Eastern")


def parse_moment(value: str) -> datetime:
    """`20261120 15:30:00 US/Eastern`, `20261120-20:30:00` (UTC) or `20261120`. RequestError 321 otherwise.

    Assumed of the real gateway: a time without zone means US/Eastern, a date alone the end of that day.
    """
    try:
        return _parse(value.strip())
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise RequestError(321, f"Error validating request. Invalid date or time: {ascii(value[:40])}") from None


def _parse(value: str) -> datetime:
    if len(value) == 8:
        return datetime.strptime(value + "23:59:59", "%Y%m%d%H:%M:%S").replace(tzinfo=EXCHANGE_TIME)
    if value[8:9] == "-":
        return datetime.strptime(value, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    day, clock, *zone = value.split()
    moment = datetime.strptime(day + clock, "%Y%m%d%H:%M:%S")
    return moment.replace(tzinfo=ZoneInfo(zone[0]) if zone else EXCHANGE_TIME)
