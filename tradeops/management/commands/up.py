from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradeops.lib.errors import TradeOpsError
from tradeops.processes.supervisor import Plan, Supervisor
from tradeops.processes.terminal import Terminal


class Command(BaseCommand):
    help = (
        "Run the whole platform in this terminal: database, simulator, gateway, worker, sentinel and web. What dies is "
        "started again; Ctrl-C or SIGTERM stops everything within 10 seconds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="port of the web pages (%(default)s)")
        parser.add_argument(
            "--no-simulator",
            action="store_true",
            help=f"connect to TWS or IB Gateway at {settings.BROKER.host}:{settings.BROKER.port} instead",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        plan = Plan(
            base_dir=settings.BASE_DIR,
            var_dir=settings.VAR_DIR,
            postgres=settings.EMBEDDED_POSTGRES if settings.DATABASE_IS_EMBEDDED else None,
            broker=settings.BROKER,
            with_simulator=not options["no_simulator"],
            control_port=settings.SIMULATOR_CONTROL_PORT,
            web_host=settings.WEB_HOST,
            web_port=options["port"],
        )
        try:
            Supervisor(plan, Terminal()).run()
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
