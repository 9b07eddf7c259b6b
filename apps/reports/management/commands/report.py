from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.reports import delivery
from apps.reports.domain import periods
from tradeops.lib.errors import TradeOpsError


class Command(BaseCommand):
    help = "Make the PDF report of a month, as `report 2026-01`; or of a week, as `report 2026-W05`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("period", help="a month as 2026-01, or an ISO week as 2026-W05")
        delivery.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        text: str = options["period"]
        try:
            period = periods.week(text) if "W" in text.upper() else periods.month(text)
            delivery.deliver(period, command="report", options=options, stdout=self.stdout)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
