from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.broker import selectors as broker
from apps.jobs import registry, waiting
from apps.jobs.models import JobRun
from apps.jobs.services import actions
from apps.risk import drill_selectors
from apps.risk.services import emergency, emergency_flag
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = (
        "Try the stop: a cancel-all that holds nothing goes the whole way to the broker and back, as a run of the job "
        "halt_drill. Touches no order and no halt. Exit code 0: passed; 1: failed or not started."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default="", help="a person who may halt; else the account of this machine")
        parser.add_argument("--reason", default="", help="kept in the journal")
        parser.add_argument("--dry-run", action="store_true", help="say what it would do, do nothing")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = actor_of(options["user"])
        why_not = drill_selectors.obstacle()
        if options["dry_run"]:
            self.stdout.write("\n".join(plan(why_not)))
            return
        if why_not:
            raise CommandError(f"Not started: {why_not}.")
        try:
            waiting.require_worker()
            job = registry.find(drill_selectors.JOB)
            run = actions.run_now(job=job, actor=actor, reason=options["reason"], now=clock.now())
            self._tell(waiting.follow(run.pk, lambda now: None), options)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error

    def _tell(self, run: JobRun, options: dict[str, Any]) -> None:
        result = run.result or {}
        if options["json"]:
            self.stdout.write(json.dumps({"run": run.pk, "state": run.state, "error": run.error, "result": result}))
        elif run.log:
            self.stdout.write(run.log)
        if result.get("outcome") != drill_selectors.PASSED:
            raise CommandError(f"Halt drill, run {run.pk}: {run.error or result.get('message') or run.state}.")
        if not options["json"]:
            self.stdout.write(f"Halt drill, run {run.pk}: {result['message']}.")


def actor_of(name: str) -> str:
    if not name:
        return f"{getpass.getuser()} (halt_drill)"
    user = find_person(name)
    if not (user.is_active and user.has_perm(emergency.HALT)):
        raise CommandError(f"{name} lacks the permission {emergency.HALT}: an administrator grants it.")
    return name


def plan(why_not: str) -> list[str]:
    view = broker.session()
    return [
        f"Would write and remove a file beside {emergency_flag.path()}.",
        "Would look for a living sentinel, and whether verdict and gate deny an entry of a halted strategy.",
        f"Would cancel all orders of the strategy `drill`, which has none; the session is {view.state.label.lower()}.",
        f"It would not start: {why_not}." if why_not else "Nothing keeps it from starting.",
    ]
