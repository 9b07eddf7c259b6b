from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tradeops.lib.errors import TradeOpsError
from tradeops.sentinel.sentinel import QUIET_SECONDS, Sentinel


class Command(BaseCommand):
    help = (
        "Watch the platform by the clock, open and resolve incidents, and deliver notices, whatever else is dead. "
        "A second one stands by. SIGTERM or Ctrl-C stops it."
    )
    # It must start also while the database is away: that is what it tells people of.

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--quiet",
            type=float,
            default=QUIET_SECONDS,
            metavar="SECONDS",
            help="after its own start, say nothing of processes that still come up (%(default)g s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            Sentinel(quiet_seconds=options["quiet"]).run()
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
