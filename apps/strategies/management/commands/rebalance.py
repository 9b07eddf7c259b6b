from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.strategies import reports, services
from apps.strategies.rebalancing import Stored, store_recommendation
from apps.strategies.terminal import progress_bar
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Say what to trade so that the portfolio follows a fresh momentum signal. Sends no orders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--threshold",
            type=float,
            help="smallest difference of weights to trade, as 0.02; else as the parameters say",
        )
        parser.add_argument("--dry-run", action="store_true", help="show it, store neither signal nor advice")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bar(quiet=options["json"]) as progress:
                recommendation = services.recommend_trades(
                    now=clock.now(), threshold=options["threshold"], progress=progress
                )
            outcome = "Dry run: nothing was stored."
            if not options["dry_run"]:
                outcome = outcome_of(
                    store_recommendation(recommendation=recommendation, actor=f"{getpass.getuser()} (rebalance)")
                )
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(reports.advice_document(recommendation), indent=2))
            return
        show(
            self.stdout,
            *reports.signal_parts(recommendation.computed, recommendation.snapshot),
            *reports.advice_parts(recommendation),
            outcome,
        )


def outcome_of(done: Stored) -> str:
    written = f" and written to {done.file}" if done.file else ", but its file could not be written"
    return f"Stored{written}. Nothing was sent to the broker."
