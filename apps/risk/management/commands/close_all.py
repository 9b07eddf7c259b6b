from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.db import DatabaseError

from apps.broker import selectors as broker
from apps.broker.choices import TradingMode
from apps.risk.management.stopping import CAME_BY, StoppingCommand, refused
from apps.risk.services import emergency
from apps.risk.services.emergency import Asked, close_all_words
from apps.risk.services.emergency_closing import CANCELLING_SECONDS, CLOSING_SECONDS, ORDER_SECONDS, carry_on
from apps.risk.services.emergency_view import rehearse_close
from tradeops.lib.errors import TradeOpsError

VERIFY_SECONDS = CANCELLING_SECONDS + CLOSING_SECONDS + 3 * ORDER_SECONDS


class Command(StoppingCommand):
    help = (
        "Halt, cancel all orders, close every position that the broker shows, and verify that it is flat. Once per "
        "account at a time. Exit code 0: flat at the broker; 2: look in TWS; 1: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="show what would be closed, do nothing")
        parser.add_argument("--confirm", default="", help='on a live account the words "CLOSE ALL <account>"')

    def handle(self, *args: Any, **options: Any) -> None:
        scope, target = self.scope(options)
        try:
            if options["dry_run"]:
                self.stdout.write(json.dumps(rehearse_close(scope, target), indent=2))
                return
            asked = emergency.close_all(
                scope=scope, target=target, reason=options["reason"], actor=self.actor(options),
                user=self.person(options["user"]), came_by=CAME_BY, confirmation=self._confirmation(options),
            )  # fmt: skip
        except TradeOpsError as error:
            raise refused(error) from error
        self._drive(asked)
        self.follow(asked, options, seconds=VERIFY_SECONDS if asked.run is not None else None)

    def _confirmation(self, options: dict[str, Any]) -> str:
        given: str = options["confirm"]
        if given or not sys.stdin.isatty():
            return given
        try:
            account = broker.default_account()
        except DatabaseError:
            return given
        if account is None or account.mode != TradingMode.LIVE:
            self.confirm("Close all positions?", options)
            return given
        return input(f"This is a LIVE account. Type {close_all_words(account.code)}: ").strip()

    def _drive(self, asked: Asked) -> None:
        """Unless another process is at it already. What fails here the sentinel takes up."""
        if asked.run is None:
            return
        try:
            carry_on(run_id=asked.run.pk)
        except (DatabaseError, OSError) as error:
            self.stderr.write(f"interrupted, the sentinel goes on with it: {error}")
