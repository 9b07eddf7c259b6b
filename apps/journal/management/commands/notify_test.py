from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.journal import selectors, services
from apps.journal.choices import DeliveryState
from apps.journal.exceptions import UnknownChannel
from tradeops.lib import clock


class Command(BaseCommand):
    help = "Send a test notice to the webhook and to every notice channel, or to one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", help="the channel's name, or SCHEDULER_WEBHOOK_URL")

    def handle(self, *, channel: str | None, **options: Any) -> None:
        places = [channel] if channel else [destination.place for destination in selectors.destinations()]
        if not places:
            raise CommandError(
                "There is nowhere to send a notice to: set SCHEDULER_WEBHOOK_URL or add a notice channel in the admin."
            )
        failed = [place for place in places if not self._test(place)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(places)} failed: {', '.join(failed)}")

    def _test(self, place: str) -> bool:
        try:
            sent = services.send_test(place=place, actor="notify_test", now=clock.now())
        except UnknownChannel as error:
            raise CommandError(str(error)) from error
        delivered = sent.state == DeliveryState.DELIVERED
        self.stdout.write(f"{place}: {'delivered' if delivered else 'failed: ' + sent.error}")
        return delivered
