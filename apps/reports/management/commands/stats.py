from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from apps.reports import figures
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.performance import performance_of
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Print the performance of an account: returns, risk, trades. From its snapshots, executions and payments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", help="the account; else IBKR_ACCOUNT or the only one")
        parser.add_argument("--from", dest="first", type=day, metavar="DATE", help="first UTC date, as 2026-01-31")
        parser.add_argument("--to", dest="last", type=day, metavar="DATE", help="last UTC date, included")
        parser.add_argument("--json", action="store_true", help="print JSON with fractions instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"]
        if first and last and first > last:
            raise CommandError(f"--from {first} lies after --to {last}: exchange them.")
        try:
            measured, performance = performance_of(account=find_account(options["account"]), first=first, last=last)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(figures.as_document(measured, performance), indent=2))
            return
        table = Table("", "Figure", title=f"Performance of {measured.account}")
        table.add_column("", justify="right")
        for row in figures.as_rows(measured, performance):
            table.add_row(*row)
        show(self.stdout, table, *(f"Note: {remark}" for remark in measured.remarks))


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date: write it as 2026-01-31") from None
