from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from apps.broker import selectors as broker_state
from apps.snapshots import selectors, services
from apps.snapshots.models import PositionSnapshot
from apps.snapshots.services import Capture
from apps.snapshots.tasks import NO_POSITIONS, describe_capture
from apps.snapshots.trading_day import NEW_YORK
from apps.snapshots.wording import days, money, percent
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.sessions import is_open
from tradeops.lib.terminal import show

MARKET_IS_OPEN = "New York still trades: these are the day's values now, and the run after the close leaves them."


class Command(BaseCommand):
    help = (
        "Capture how every open option trade stands now, without the job queue: once a trade and trading day, what is "
        "there already is left as it is. The job position_snapshots does it after each New York close."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show it, store nothing")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        now, dry_run = clock.now(), options["dry_run"]
        try:
            found = services.capture_positions(now=now, dry_run=dry_run)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            rows = [selectors.position_document(row) for row in found.taken]
            self.stdout.write(
                json.dumps({**describe_capture(found), "stored": not dry_run, "snapshots": rows}, indent=2)
            )
        else:
            remarks = [MARKET_IS_OPEN] if found.taken and is_open(NEW_YORK, now) else []
            show(self.stdout, connected(), *as_parts(found, dry_run=dry_run), *remarks)
        if found.failed:
            raise CommandError("; ".join(str(failure) for failure in found.failed))


def connected() -> str:
    session = broker_state.session()
    return f"Connected to IBKR at {session.host}:{session.port} ({session.mode.label.lower()}, {session.state.label})."


def as_parts(found: Capture, *, dry_run: bool) -> list[str | Table]:
    parts: list[str | Table] = [as_table(found.taken)] if found.taken else []
    parts += [NO_POSITIONS] if found.is_empty_book else []
    parts += [*found.notes, *found.not_yet, *found.untracked]
    if found.already:
        parts.append(f"{found.already} had the snapshot of this trading day already.")
    captured = f"captured {len(found.taken)}"
    return [*parts, f"{captured} (dry run: nothing was stored)" if dry_run else captured]


def as_table(rows: list[PositionSnapshot]) -> Table:
    table = Table(title=f"Option positions on {rows[0].snapshot_date}")
    for heading in ("Symbol", "P&L", "P&L %", "DTE", "Distance"):
        table.add_column(heading, justify="left" if heading == "Symbol" else "right")
    for row in rows:
        table.add_row(
            str(row.instrument),
            money(row.current_pnl, row.instrument.currency),
            percent(row.current_pnl_pct),
            days(row.dte_remaining),
            percent(row.distance_to_strike_pct),
        )
    return table
