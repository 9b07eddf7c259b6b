from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter

from apps.broker.simulator.control.client import ControlError, control
from apps.broker.simulator.control.commands import command_list


class HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the list of commands one line each."""


class Command(BaseCommand):
    help = "Send one command to the control port of a running simulator and print the JSON answer."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=command_list(), formatter_class=HelpFormatter, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("words", nargs="+", metavar="COMMAND", help="a command of the list below")
        parser.add_argument("--control-port", type=int, default=settings.SIMULATOR_CONTROL_PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = control(options["control_port"], shlex.join(options["words"]))
        except ControlError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(answer, indent=2))
