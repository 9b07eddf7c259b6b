from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from apps.broker.services import settlements
from apps.risk.services import breaks
from tradeops.lib.errors import TradeOpsError


class Command(BaseCommand):
    help = (
        "Book the settlement price of an index, so that its options that expired that day get their results: the "
        "exchange publishes it, IB's statement shows it. Nothing is sent to the broker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="CLASS", help="trading class as SPXW, else the symbol")
        parser.add_argument("expires_on", metavar="DATE", help="the options' last day, as 2026-03-20")
        parser.add_argument("settlement", metavar="PRICE", help="of the index, not of the option")
        parser.add_argument("--user", required=True, metavar="NAME", help="who books it")
        parser.add_argument("--reason", default="", metavar="TEXT", help="where the price is from; kept with the trade")
        parser.add_argument("--dry-run", action="store_true", help="only say what each option would have paid")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None or not user.has_perm(breaks.BOOK):
            raise CommandError(f"{options['user']} may not book corrections: that takes the role risk or admin.")
        name, expires_on = options["name"].upper(), day_of(options["expires_on"])
        settlement = number_of(options["settlement"])
        try:
            if options["dry_run"]:
                found = settlements.unsettled_of(name=name, expires_on=expires_on)
                told = [(change, settlements.paid_by(change, settlement)) for change in found]
            else:
                booked = settlements.book_settlement(
                    name=name,
                    expires_on=expires_on,
                    settlement=settlement,
                    reason=options["reason"],
                    actor=user.get_username(),
                )
                told = [(change, change.price or Decimal(0)) for change in booked]
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        did = "would be settled" if options["dry_run"] else "settled"
        for change, price in told:
            self.stdout.write(f"{change.account} {change}: {did} at {price.normalize():f} {change.instrument.currency}")


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is no date: write it as 2026-03-20.") from error


def number_of(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise CommandError(f"{text} is not a number.") from error
