from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.text import Text

from apps.console.doctor.connection import check_connection
from apps.console.doctor.report import run_checks
from apps.console.doctor.verdicts import Check, Verdict
from tradeops.lib.terminal import show

STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


class Command(BaseCommand):
    help = "Check that everything is in place; each line that is not says what to do. Exit code 1 if one fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", action="store_true", help="only the way to the broker, step by step")
        parser.add_argument("--json", action="store_true", help="print the checks as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        checks = []
        for check in check_connection(settings.BROKER) if options["connection"] else run_checks():
            checks.append(check)
            if not options["json"]:
                show(self.stdout, line_of(check))
        failed = any(check.verdict is Verdict.FAIL for check in checks)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}, indent=2))
        if failed:
            sys.exit(1)


def line_of(check: Check) -> Text:
    line = Text(f"{check.verdict:<4}  ", style=STYLES[check.verdict])
    line.append(f"{check.name:<14}  {check.detail}", style="default not bold")
    if check.remedy:
        line.append(f"\n{'':22}-> {check.remedy}", style="default not bold")
    return line
