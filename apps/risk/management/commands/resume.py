from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from apps.broker.choices import StopSource, TradingPermission
from apps.risk.management.stopping import CAME_BY, ESCALATED, StoppingCommand, refused
from apps.risk.services.emergency_resume import Resumed, resume
from apps.risk.services.emergency_view import document
from tradeops.lib.errors import TradeOpsError

MILDER = [TradingPermission.ACTIVE, TradingPermission.REDUCING, TradingPermission.HALTED]


class Command(StoppingCommand):
    help = (
        "Resume after a stop: a cause, a clean reconciliation, a second person or a cool-off; run it again to confirm. "
        "Exit code 0: released and nothing else blocks; 2: it waits, or something else still blocks; 1: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--source", choices=StopSource.values, default=StopSource.MANUAL.value)
        parser.add_argument("--to", choices=[one.value for one in MILDER], default=TradingPermission.ACTIVE.value)
        parser.add_argument("--force", action="store_true", help="although no reconciliation is clean")

    def handle(self, *args: Any, **options: Any) -> None:
        scope, target = self.scope(options)
        self.confirm("Resume trading?", options)
        try:
            done = resume(
                scope=scope, target=target, reason=options["reason"], user=self.person(options["user"]),
                came_by=CAME_BY, source=StopSource(options["source"]), to=TradingPermission(options["to"]),
                force=options["force"],
            )  # fmt: skip
        except TradeOpsError as error:
            raise refused(error) from error
        self._tell(done, options)
        if done.waits_for or done.still_blocks:
            raise SystemExit(ESCALATED)

    def _tell(self, done: Resumed, options: dict[str, Any]) -> None:
        if options["json"]:
            more = {"waits_for": done.waits_for, "still_blocks": list(done.still_blocks)}
            self.stdout.write(json.dumps({**document(done.run), **more}, indent=2))
            return
        self.stdout.write(f"Not resumed yet: {done.waits_for}." if done.waits_for else f"Resumed: {done.run.reason}")
        for stop in done.still_blocks:
            self.stdout.write(f"  still blocks: {stop}")
