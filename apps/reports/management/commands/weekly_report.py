from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.reports import delivery
from apps.reports.domain import periods
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError


class Command(BaseCommand):
    help = "Make the PDF report of a week and store it; made again, it is a new revision."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("week", nargs="?", default="", help="ISO year and week, as 2026-W05 (this week)")
        delivery.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            period = periods.week(options["week"]) if options["week"] else periods.week_of(clock.now().date())
            delivery.deliver(period, command="weekly_report", options=options, stdout=self.stdout)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
