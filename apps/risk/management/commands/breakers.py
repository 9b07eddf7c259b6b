from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.risk.breaker_selectors import BreakerView, breaker_views
from apps.risk.exceptions import RiskError
from apps.risk.services import breakers
from tradeops.lib import clock
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = "Show the circuit breakers, or reset one or all of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--reset", metavar="NAME", help="close this one")
        chosen.add_argument("--reset-all", action="store_true", help="close all")
        parser.add_argument("--reason", default="", help="why; kept with the breaker's history")
        parser.add_argument("--user", default="", help="who resets: a name of this site with the permission")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        person = find_person(options["user"]) if options["user"] else None
        try:
            if options["reset"]:
                breakers.reset_breaker(name=options["reset"], reason=options["reason"], user=person)
            elif options["reset_all"]:
                breakers.reset_all(reason=options["reason"], user=person)
        except RiskError as error:
            raise CommandError(str(error)) from error
        views = breaker_views(now=clock.now())
        if options["json"]:
            self.stdout.write(json.dumps([view.as_row() for view in views], indent=2))
        else:
            self.stdout.write("\n".join(line(view) for view in views))


def line(view: BreakerView) -> str:
    probe = f", one probe in {view.countdown_seconds:.0f} s" if view.countdown_seconds is not None else ""
    text = f"{view.name}: {view.state} ({view.failures} of {view.failure_threshold} failures{probe})"
    if view.last_failure_at is not None:
        text += f"; last failure {view.last_failure_at:%Y-%m-%d %H:%M:%S} UTC: {view.last_failure}"
    return text
