from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from apps.risk.management.stopping import CAME_BY, StoppingCommand, refused
from apps.risk.services import emergency
from apps.risk.services.emergency_view import rehearse_cancel
from tradeops.lib.errors import TradeOpsError


class Command(StoppingCommand):
    help = (
        "Cancel every order of the scope, protective ones too. Trading is not halted by it. "
        "Exit code 0: verified at the broker; 2: look in TWS; 1: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="show what would be cancelled, do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        scope, target = self.scope(options)
        try:
            if options["dry_run"]:
                self.stdout.write(json.dumps(rehearse_cancel(scope, target, entries_only=False), indent=2))
                return
            self.confirm("Cancel all orders, also those that protect positions?", options)
            asked = emergency.cancel_all(
                scope=scope, target=target, reason=options["reason"], actor=self.actor(options),
                user=self.person(options["user"]), came_by=CAME_BY,
            )  # fmt: skip
        except TradeOpsError as error:
            raise refused(error) from error
        self.follow(asked, options)
