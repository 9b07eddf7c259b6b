"""A crontab."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby

from tradeops.recipes.entries import Entry, Place

HEAD = """\
# TradeOps: copy the lines below into `crontab -e` (`crontab {name}` would replace all that is there).
# CRON_TZ is understood by cronie. Another cron (Debian's) goes by the machine's clock: set that to the zone named.
# Switch the schedules of these jobs off in TradeOps, else they run twice.
SHELL=/bin/sh
"""


def render(entries: Sequence[Entry], place: Place) -> dict[str, str]:
    """File name and content."""
    name = "tradeops.crontab"
    parts = [HEAD.format(name=name)]
    for zone, group in groupby(sorted(entries, key=lambda entry: entry.time_zone), lambda entry: entry.time_zone):
        parts.append(f"\nCRON_TZ={zone}\n")
        parts += [f"# {entry.title}\n{line(entry, place)}\n" for entry in group]
    return {name: "".join(parts)} if entries else {}


def line(entry: Entry, place: Place) -> str:
    command = shlex.join(entry.command(place, log=f"{entry.word}_cron.log"))
    # To cron a bare % is a newline.
    return f"{entry.cron} cd {shlex.quote(str(place.base_dir))} && {command}".replace("%", "\\%")
