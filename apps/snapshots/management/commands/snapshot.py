from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from apps.snapshots import portfolio, selectors, services
from apps.snapshots.domain.valuation import Valuation
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Take a snapshot of the portfolio now, without the job queue. Replaces the snapshot of the same UTC date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", help="the account; else IBKR_ACCOUNT or the only one")
        parser.add_argument("--dry-run", action="store_true", help="show it, store nothing")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            valuation = portfolio.read_portfolio(account=options["account"].upper(), now=clock.now())
            if not options["dry_run"]:
                services.store_snapshot(valuation=valuation)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(selectors.valuation_as_document(valuation), indent=2))
            return
        outcome = "Dry run: nothing was stored." if options["dry_run"] else "Stored."
        show(self.stdout, as_table(valuation), *services.remarks(valuation), outcome)


def as_table(valuation: Valuation) -> Table:
    balance = valuation.balance
    money = f"equity {balance.equity:,.2f}, cash {balance.cash:,.2f} {balance.currency}"
    table = Table(title=f"{valuation.account} at {valuation.at:%Y-%m-%d %H:%M:%S} UTC: {money}")
    for heading in ("Symbol", "Quantity", "Average cost", "Price", "Value", "Unrealised", "Currency", "Price from"):
        table.add_column(heading, justify="left" if heading in ("Symbol", "Currency", "Price from") else "right")
    for position in valuation.positions:
        holding = position.holding
        table.add_row(
            position.name,
            f"{holding.quantity.normalize():,f}",
            f"{holding.avg_cost:,.4f}",
            f"{position.price.value:,.4f}",
            f"{position.market_value:,.2f}",
            f"{position.unrealized_pnl:+,.2f}",
            holding.contract.currency,
            position.price.source,
        )
    return table
