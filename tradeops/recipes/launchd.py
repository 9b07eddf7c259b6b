"""LaunchAgents for macOS."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from itertools import product
from typing import Any

from apps.jobs.exceptions import InvalidSchedule
from tradeops.recipes.entries import Entry, Place
from tradeops.recipes.fields import Field, Fields

MOST_INTERVALS = 200


def render(entries: Sequence[Entry], place: Place) -> dict[str, str]:
    """File names and contents. Raises InvalidSchedule for a schedule that would fill a book."""
    return {f"{label(entry)}.plist": plist(entry, place) for entry in entries}


def label(entry: Entry) -> str:
    return f"org.tradeops.{entry.word}"


def plist(entry: Entry, place: Place) -> str:
    log, errors = f"{entry.word}_launchd.log", f"{entry.word}_launchd.error.log"
    content: dict[str, Any] = {
        "Label": label(entry),
        "ProgramArguments": entry.command(place, log=log, errors=errors),
        "WorkingDirectory": str(place.base_dir),
        "StartCalendarInterval": intervals(entry),
        # What launchd itself or an interpreter that does not start has to say.
        "StandardOutPath": str(place.log_dir / log),
        "StandardErrorPath": str(place.log_dir / errors),
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def intervals(entry: Entry) -> list[dict[str, int]]:
    """One for each combination, so five for Monday to Friday; a key that is left out means any."""
    found = [
        {
            name: value
            for name, value in zip(("Month", "Day", "Weekday", "Hour", "Minute"), values, strict=True)
            if value is not None
        }
        for days, weekdays in entry.fields.day_rules()
        for values in product(*choices(entry.fields, days, weekdays))
    ]
    if len(found) > MOST_INTERVALS:
        raise InvalidSchedule(f"{entry.job}: {entry.cron!r} makes {len(found)} entries, launchd is not meant for that.")
    return found


def choices(fields: Fields, days: Field, weekdays: Field) -> list[list[int | None]]:
    return [[*field] if field else [None] for field in (fields.months, days, weekdays, fields.hours, fields.minutes)]
