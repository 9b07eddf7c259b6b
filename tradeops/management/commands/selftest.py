from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from apps.console.doctor.verdicts import Verdict
from apps.console.management.commands.doctor import line_of
from apps.console.selftest.report import START, run_trials
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = (
        "Try what the platform is for: the broker, a snapshot (not stored), the pages and their security headers, the "
        "performance maths, the statistics. Exit code 1 if anything fails. Needs the running platform: `manage.py up`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the results as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        results = []
        for result in run_trials():
            results.append(result)
            if not options["json"]:
                show(self.stdout, line_of(result))
        failures = sum(result.verdict is Verdict.FAIL for result in results)
        if options["json"]:
            document = {"ok": not failures, "checks": [asdict(result) for result in results]}
            self.stdout.write(json.dumps(document, indent=2))
        else:
            self.stdout.write(f"{failures} failed. {START}" if failures else "The self-test has passed.")
        if failures:
            sys.exit(1)
