from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.broker import services
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = (
        "Unlock live trading in the name of a person, or lock it again with --revoke. Live trading also needs "
        "PAPER_TRADING=false, a live port and a live account. The person needs the permission broker.unlock_live."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="who decides this")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; required to unlock")
        parser.add_argument("--revoke", action="store_true", help="lock live trading again")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["user"])
        try:
            if options["revoke"]:
                services.revoke_live(user=user, reason=options["reason"])
            else:
                services.unlock_live(user=user, reason=options["reason"])
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Live trading is locked." if options["revoke"] else "Live trading is unlocked.")
