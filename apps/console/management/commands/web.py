"""`manage.py web`: the pages, the API and the sockets."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from apps.console.exceptions import PortTaken
from tradeops.lib.short_waits import use_short_waits


class Command(BaseCommand):
    help = "Serve the admin, the desk, the API and the event stream (daphne). SIGTERM or Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.WEB_HOST, help="address to listen on (WEB_HOST)")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="port, 0 for any free one (WEB_PORT)")
        parser.add_argument(
            "--behind-proxy",
            action="store_true",
            help="believe X-Forwarded-For and X-Forwarded-Proto; only where a proxy overwrites both",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        use_short_waits()
        # Twisted chooses its reactor at import: nothing else of manage.py may.
        from apps.console.asgi import begin
        from apps.console.server import open_port, serve

        try:
            listener = open_port(options["host"], options["port"])
        except PortTaken as error:
            raise CommandError(str(error)) from None
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(f"TradeOps listens on http://{shown}:{port}/")
        self.stdout.flush()
        serve(
            import_string(settings.ASGI_APPLICATION),
            listener,
            behind_proxy=options["behind_proxy"],
            on_start=begin,
        )
