from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from apps.broker.choices import TradingPermission
from apps.risk.management.stopping import CAME_BY, StoppingCommand, refused
from apps.risk.services import emergency
from apps.risk.services.emergency_view import rehearse_cancel
from tradeops.lib.errors import TradeOpsError


class Command(StoppingCommand):
    help = (
        "Stop trading now: no new entries, working entries cancelled, protective orders kept. Without a database "
        "the halt file alone stops the gateway. Exit code 0: verified at the broker; 2: look in TWS; 1: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        degrees = [permission.value for permission in emergency.STOPPING]
        parser.add_argument("--permission", choices=degrees, default=TradingPermission.HALTED.value)
        parser.add_argument("--dry-run", action="store_true", help="show what would be cancelled, do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        scope, target = self.scope(options)
        permission = TradingPermission(options["permission"])
        try:
            if options["dry_run"]:
                entries_only = permission is not TradingPermission.KILLED
                plan = rehearse_cancel(scope, target, entries_only=entries_only)
                self.stdout.write(json.dumps(plan, indent=2))
                return
            asked = emergency.halt(
                scope=scope, target=target, reason=options["reason"], actor=self.actor(options),
                user=self.person(options["user"]), came_by=CAME_BY, permission=permission,
            )  # fmt: skip
        except TradeOpsError as error:
            raise refused(error) from error
        self.follow(asked, options)
