"""A snapshot that is not stored, and the statistics of those that are."""

from __future__ import annotations

import json
from collections.abc import Iterator

from apps.console.doctor.verdicts import Check, ok, warn
from apps.reports import figures
from apps.reports.exceptions import NoSnapshots
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.performance import performance_of
from apps.snapshots.portfolio import read_portfolio
from tradeops.lib import clock


def try_snapshot() -> Iterator[Check]:
    """Raises SnapshotsError with the reason."""
    valuation = read_portfolio(account="", now=clock.now())
    worth = f"{valuation.balance.equity:,.2f} {valuation.balance.currency}"
    yield ok("snapshot", f"dry run: {worth}, {len(valuation.positions)} positions, nothing stored")


def try_stats() -> Iterator[Check]:
    """Raises ReportsError with the reason."""
    try:
        measured, performance = performance_of(account=find_account())
    except NoSnapshots as error:
        yield warn("stats", str(error), "The first snapshot makes figures possible.")
        return
    json.dumps(figures.as_document(measured, performance), allow_nan=False)
    period = f"{performance.start_date} to {performance.end_date}"
    yield ok(
        "stats", f"{measured.account}, {period}: {performance.trading_days} days, {performance.trades.total} trades"
    )
