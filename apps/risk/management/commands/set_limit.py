from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.broker.choices import Scope
from apps.risk import services
from apps.risk.choices import LimitName, RevisionState
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = (
        "Change a limit in the name of a person. Tightening holds at once; loosening waits for a second person "
        "(--approve ID) or, where there is none, for RISK_COOL_OFF_HOURS."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", choices=LimitName.values, metavar="NAME", help="see `manage.py limits`")
        parser.add_argument("value", nargs="?", metavar="VALUE", help="a number; fractions, not percents")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.EVERYTHING.value)
        parser.add_argument("--target", default="", help="the account, strategy or contract id")
        parser.add_argument("--hours", type=float, help="an exception: ends after so many hours")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the limit")
        parser.add_argument("--user", required=True, metavar="NAME", help="who decides this")
        parser.add_argument("--approve", type=int, metavar="ID", help="approve a loosening that somebody else proposed")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["user"])
        try:
            if options["approve"] is not None:
                revision = services.approve_limit(revision_id=options["approve"], user=user)
            else:
                revision = services.change_limit(**change_of(options), user=user)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        state = "in force" if revision.state == RevisionState.ACTIVE else waiting(revision.pk, revision.effective_at)
        self.stdout.write(f"{revision}: {state}.")


def change_of(options: dict[str, Any]) -> dict[str, Any]:
    if options["name"] is None or options["value"] is None:
        raise CommandError("Name the limit and its value, or what to --approve.")
    try:
        value = Decimal(options["value"])
    except InvalidOperation as error:
        raise CommandError(f"{options['value']} is not a number.") from error
    hours = options["hours"]
    return {
        "name": LimitName(options["name"]),
        "value": value,
        "scope": Scope(options["scope"]),
        "target": options["target"],
        "reason": options["reason"],
        "expires_at": None if hours is None else clock.now() + timedelta(hours=hours),
    }


def waiting(number: int, effective_at: Any) -> str:
    if effective_at is not None:
        return f"cools off until {effective_at:%Y-%m-%d %H:%M} UTC"
    return f"waits for a second person: `manage.py set_limit --approve {number} --user NAME`"
