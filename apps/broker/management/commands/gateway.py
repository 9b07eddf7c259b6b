from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.broker.gateway.gateway import Gateway
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.short_waits import use_short_waits

# A database that does not answer must not keep the process: what is not written by then is read from the broker again.
STOP_SECONDS = 2.8


class Command(BaseCommand):
    help = "Run the gateway: the one process that speaks to Interactive Brokers. SIGTERM or Ctrl-C stops it."
    requires_system_checks = ("broker",)

    def handle(self, *args: Any, **options: Any) -> None:
        use_short_waits()
        try:
            asyncio.run(self._run())
        except TradeOpsError as error:
            raise CommandError(str(error)) from error

    async def _run(self) -> None:
        gateway = Gateway(settings.BROKER)

        def stop() -> None:
            last_resort = threading.Timer(STOP_SECONDS, os._exit, [0])
            last_resort.daemon = True
            last_resort.start()
            gateway.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        await gateway.run()
