from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.broker.services import trades


class Command(BaseCommand):
    help = "Derive the trades anew from executions and holding changes, and say which of the stored ones were wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--symbol", default="", help="only instruments of this symbol, its options too")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *, symbol: str, dry_run: bool, **options: Any) -> None:
        found = trades.traded_instruments(symbol)
        if symbol and not found:
            raise CommandError(f"No execution of {symbol!r} is known. Symbols are written as the broker writes them.")
        total = changed = 0
        for account_id, instrument_id in found:
            rebuilt = trades.rebuild_trades(account_id=account_id, instrument_id=instrument_id, dry_run=dry_run)
            total, changed = total + rebuilt.after, changed + rebuilt.changed
            if rebuilt.changed:
                line = f"{rebuilt.account} {rebuilt.instrument}: {rebuilt.changed} differ, {rebuilt.before} were stored"
                self.stdout.write(f"{line}, {rebuilt.after} derived")
        did = "would change" if dry_run else "changed"
        self.stdout.write(f"{len(found)} instruments, {total} trades: {changed} {did}.")
