"""Spans of time as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def span(length: timedelta | float) -> str:
    """Such as 40 ms, 2.5 s, 3 min 5 s, 2 h 10 min, 4 days."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def until(moment: datetime, now: datetime) -> str:
    return (
        "due now" if moment <= now else f"in {span(float(round((moment - now).total_seconds())))}".replace(".0 s", " s")
    )


def in_utc(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M} UTC"


def in_zone(moment: datetime, zone: ZoneInfo) -> str:
    """Such as Mon 16:05 America/New_York; the day, because it need not be that of UTC."""
    return f"{moment.astimezone(zone):%a %H:%M} {zone.key}"
