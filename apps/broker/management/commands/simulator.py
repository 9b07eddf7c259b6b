from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.broker.simulator.run import add_arguments, run
from apps.broker.simulator.state_file import StateError


class Command(BaseCommand):
    help = "Run a simulated IB gateway that speaks the TWS protocol, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(Namespace(**options))
        except StateError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error}. Choose another --port or --control-port, or 0 for a free one.") from error
