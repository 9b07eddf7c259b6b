from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from tradeops.lib import log_files
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.log_files import LogFile
from tradeops.lib.redaction import redact
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Show the end of a log, and with --follow what comes next; without a name, which logs there are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="a log of the list, with or without .log")
        parser.add_argument("--follow", "-f", action="store_true", help="go on with what is written, until Ctrl-C")
        parser.add_argument("--lines", "-n", type=int, default=40, help="how many lines of its end (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        places = settings.LOG_DIR, settings.LOG_FILE
        if not options["name"]:
            show(self.stdout, as_table(log_files.list_logs(*places)), f"Folder: {settings.LOG_DIR}")
            return
        try:
            log = log_files.find_log(options["name"], *places)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        read = log_files.follow if options["follow"] else log_files.tail
        try:
            for line in read(log.path, max(0, options["lines"])):
                self.stdout.write(redact(line))
                self.stdout.flush()
        except KeyboardInterrupt:
            return


def as_table(logs: list[LogFile]) -> Table:
    table = Table("Log", "Bytes", "Last written (UTC)", title="Logs")
    for log in logs:
        table.add_row(log.name, f"{log.size:,}", f"{log.modified_at:%Y-%m-%d %H:%M:%S}")
    return table
