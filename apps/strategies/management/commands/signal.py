from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.strategies import holdings, reports, services
from apps.strategies.terminal import progress_bar
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Rank the sector funds by 12-1 momentum now, show and store the signal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--top-n", type=int, help="how many to select; else as the active parameters say")
        parser.add_argument("--dry-run", action="store_true", help="show it, store no signal (closes are still cached)")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bar(quiet=options["json"]) as progress:
                computed = services.compute_signal(now=clock.now(), top_n=options["top_n"], progress=progress)
            if not options["dry_run"]:
                services.store_signal(computed=computed, actor=f"{getpass.getuser()} (signal)")
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(reports.signal_document(computed), indent=2))
            return
        outcome = "Dry run: no signal was stored." if options["dry_run"] else "Stored."
        show(self.stdout, *reports.signal_parts(computed, holdings.latest_snapshot()), outcome)
