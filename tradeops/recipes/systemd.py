"""systemd timers, each with the oneshot service that it starts."""

from __future__ import annotations

from collections.abc import Sequence

from tradeops.recipes.entries import Entry, Place
from tradeops.recipes.fields import Field

WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")

SERVICE = """\
[Unit]
Description=TradeOps job: {title}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
WorkingDirectory={base_dir}
ExecStart={command}
"""
TIMER = """\
[Unit]
Description=When TradeOps runs: {title}

[Timer]
{moments}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def render(entries: Sequence[Entry], place: Place) -> dict[str, str]:
    """File names and contents."""
    files = {}
    for entry in entries:
        command = " ".join(quote(word) for word in entry.command(place, log=f"{entry.word}_timer.log"))
        title, base_dir = specifiers(entry.title), specifiers(str(place.base_dir))
        moments = "\n".join(f"OnCalendar={moment}" for moment in calendar_moments(entry))
        files[f"tradeops-{entry.word}.service"] = SERVICE.format(title=title, base_dir=base_dir, command=command)
        files[f"tradeops-{entry.word}.timer"] = TIMER.format(title=title, moments=moments)
    return files


def calendar_moments(entry: Entry) -> list[str]:
    fields = entry.fields
    moments = []
    for days, weekdays in fields.day_rules():
        names = ",".join(WEEKDAYS[day] for day in weekdays) + " " if weekdays else ""
        day = f"*-{joined(fields.months)}-{joined(days)}"
        moments.append(f"{names}{day} {joined(fields.hours)}:{joined(fields.minutes)}:00 {entry.time_zone}")
    return moments


def joined(field: Field) -> str:
    return ",".join(f"{number:02}" for number in field) if field else "*"


def specifiers(text: str) -> str:
    return text.replace("%", "%%")


def quote(word: str) -> str:
    """For ExecStart: specifiers and variables are not meant."""
    plain = specifiers(word).replace("$", "$$")
    if not set(plain) & set(" \t\"'\\;"):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
