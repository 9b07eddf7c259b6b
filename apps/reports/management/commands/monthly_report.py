from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.reports import delivery
from apps.reports.domain import periods
from tradeops.lib.errors import TradeOpsError


class Command(BaseCommand):
    help = "Make the PDF report of a month and store it; made again, it is a new revision."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("month", help="year and month, as 2026-01")
        delivery.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            period = periods.month(options["month"])
            delivery.deliver(period, command="monthly_report", options=options, stdout=self.stdout)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
