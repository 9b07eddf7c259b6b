from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from apps.broker import services
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = (
        "Unlock live trading in the name of a person, to be confirmed by a second one with --confirm where there is "
        "one; lock it again with --revoke. Live trading also needs PAPER_TRADING=false, a live port and a live "
        "account. Both people need the permission broker.unlock_live."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="who decides this")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; required to unlock")
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--confirm", action="store_true", help="say yes to what somebody else has unlocked")
        group.add_argument("--revoke", action="store_true", help="lock live trading again")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["user"])
        try:
            self.stdout.write(self._act(user, options))
        except TradeOpsError as error:
            raise CommandError(str(error)) from error

    def _act(self, user: User, options: dict[str, Any]) -> str:
        if options["revoke"]:
            services.revoke_live(user=user, reason=options["reason"])
            return "Live trading is locked."
        if options["confirm"]:
            unlock = services.confirm_unlock(user=user)
        else:
            unlock = services.unlock_live(user=user, reason=options["reason"])
        if unlock.confirmed_at is not None:
            return "Live trading is unlocked."
        return (
            "Live trading stays locked until a second person with the permission confirms it within a day: "
            "manage.py unlock_live --user SOMEBODY_ELSE --confirm"
        )
