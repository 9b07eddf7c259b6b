from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import RenderableType
from rich.table import Table

from apps.snapshots import selectors
from apps.snapshots.domain.coverage import Bucket
from apps.snapshots.selectors import Coverage
from tradeops.lib import clock
from tradeops.lib.terminal import show

NOTHING = "No position snapshots yet: `manage.py snapshot_positions` takes them, and the job position_snapshots."
LONGEST_DAYS = 36_500


class Command(BaseCommand):
    help = "Say how complete the snapshots are that learning builds on: coverage by field, and why values are missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, help="only snapshots of the last so many days (all)")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days must be a whole number from 1 to {LONGEST_DAYS}, not {days}.")
        since = None if days is None else clock.now().date() - timedelta(days=days)
        found = selectors.coverage(since=since)
        if options["json"]:
            self.stdout.write(json.dumps(selectors.coverage_document(found), indent=2))
        else:
            show(self.stdout, *as_parts(found))


def as_parts(found: Coverage) -> list[RenderableType]:
    if not found.total:
        return [NOTHING]
    parts: list[RenderableType] = [
        f"{found.total} position snapshots of {found.trades} trades, {found.first} to {found.last}; "
        f"average coverage {100 * (found.average or 0):.1f} %",
        as_table(found),
        *([found.alert] if found.alert else []),
    ]
    for bucket, rule in ((Bucket.HIGH, "90 % and more"), (Bucket.MEDIUM, "50 to 90 %"), (Bucket.LOW, "below 50 %")):
        names = found.bucket(bucket)
        parts.append(f"{bucket.capitalize()} ({rule}): {len(names)}{': ' if names else ''}{', '.join(names)}")
    parts += [f"{count} values missing: {reason.label}" for reason, count in found.reasons]
    if found.null_heavy_total:
        parts.append(f"{found.null_heavy_total} snapshots lack half of their fields or more, the newest:")
        parts += [f"  {row.snapshot_date} {row.instrument}: {selectors.explain(row)}" for row in found.null_heavy]
    return parts


def as_table(found: Coverage) -> Table:
    table = Table()
    for heading in ("Field", "Known", "Coverage", "Status"):
        table.add_column(heading, justify="right" if heading in ("Known", "Coverage") else "left")
    for field in found.fields:
        name = f"{field.name} (critical)" if field.is_critical else field.name
        table.add_row(name, f"{field.known} of {field.total}", f"{100 * field.coverage:.1f} %", field.standing)
    return table
