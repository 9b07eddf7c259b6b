"""What halt, resume, cancel_all and close_all share: options, waiting for the receipt, printing it."""

from __future__ import annotations

import getpass
import json
import sys
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from apps.broker.choices import EmergencyKind, EmergencyState, Scope
from apps.broker.models import EmergencyRun
from apps.broker.models.stops import ENDED
from apps.risk.exceptions import EmergencyError
from apps.risk.services.emergency import Asked
from apps.risk.services.emergency_view import document
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import find_person

REFUSED, ESCALATED = 1, 2
CAME_BY = "command"
LOOK_SECONDS = 0.2
# The gateway escalates after 10 s; it may have to come up first.
VERIFY_SECONDS = 25.0
# Without a database there will be no receipt, unless it comes back at once.
BLIND_SECONDS = 8.0


class StoppingCommand(BaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scope", choices=Scope.values, default=Scope.EVERYTHING.value)
        parser.add_argument("--target", default="", help="account code, strategy name or the instrument's conId")
        parser.add_argument("--reason", required=True, help="kept with the receipt")
        parser.add_argument("--user", default="", help="who asks; else the account of this machine")
        parser.add_argument("--json", action="store_true", help="print the receipt as JSON")
        parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")

    def scope(self, options: dict[str, Any]) -> tuple[Scope, str]:
        return Scope(options["scope"]), options["target"]

    def actor(self, options: dict[str, Any]) -> str:
        return options["user"] or f"{getpass.getuser()} (command)"

    def person(self, name: str) -> User | None:
        """None without a name, and without a database: whoever has this shell may stop trading anyway."""
        if not name:
            return None
        try:
            return find_person(name, returncode=REFUSED)
        except DatabaseError:
            return None

    def confirm(self, question: str, options: dict[str, Any]) -> None:
        """A terminal is asked; a script means what it says."""
        if options["yes"] or options["json"] or not sys.stdin.isatty():
            return
        if input(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was done.", returncode=REFUSED)

    def say(self, text: str, options: dict[str, Any]) -> None:
        if not options["json"]:
            self.stdout.write(text)

    def follow(self, asked: Asked, options: dict[str, Any], *, seconds: float | None = None) -> None:
        """Until the receipt is written. Ends the command with 2 unless the broker shows that it is done."""
        for note in asked.notes:
            self.say(note, options)
        patience = VERIFY_SECONDS if asked.run is not None else BLIND_SECONDS
        run = self._wait(asked.run_id, options, patience if seconds is None else seconds)
        self.tell(run, asked, options)
        if run is None or run.state != EmergencyState.DONE:
            raise CommandError(_unverified(run), returncode=ESCALATED)

    def _wait(self, run_id: UUID, options: dict[str, Any], seconds: float) -> EmergencyRun | None:
        deadline, told, run = time.monotonic() + seconds, "", None
        while time.monotonic() < deadline:
            run = read_run(run_id)
            state = run.get_state_display() if run else "waiting for the database"
            if state != told:
                self.say(f"{state} ...", options)
                told = state
            if run is not None and run.state in ENDED:
                break
            time.sleep(LOOK_SECONDS)
        return run

    def tell(self, run: EmergencyRun | None, asked: Asked, options: dict[str, Any]) -> None:
        if options["json"]:
            shown = document(run) if run else {"id": str(asked.run_id), "state": None}
            self.stdout.write(json.dumps({**shown, "notes": list(asked.notes)}, indent=2))
        elif run is not None:
            self.stdout.write(receipt(run))


def read_run(run_id: UUID) -> EmergencyRun | None:
    """None while the database is away, or while only the halt file knows of it."""
    try:
        return EmergencyRun.objects.filter(pk=run_id).first()
    except DatabaseError:
        connection.close()
        return None


def receipt(run: EmergencyRun) -> str:
    lines = [f"{run}", f"  receipt {run.pk}, asked by {run.actor}: {run.reason}"]
    for entry in run.results:
        mark = "done" if entry["done"] else "OPEN"
        lines.append(f"  {mark}  {entry['what']} {entry.get('symbol', '')}: {entry.get('detail', '')}")
    picture = run.picture or {}
    if run.kind != EmergencyKind.RESUME and run.picture:
        held, orders = len(picture.get("positions", [])), len(picture.get("open_orders", []))
        lines.append(f"  the broker at {picture['as_of']}: {held} positions, {orders} open orders")
    if run.problem:
        lines.append(f"  {run.problem}")
    return "\n".join(lines)


def _unverified(run: EmergencyRun | None) -> str:
    if run is None:
        return "Not verified: no receipt while the database is away. Look in TWS; the halt file stays in force."
    if run.state == EmergencyState.OTHERS:
        return f"Ours is done and verified, but {run.problem}"
    problem = run.problem or "the gateway has not answered in time: is it running?"
    return f"Not verified at the broker: {problem} Cancel and close in TWS, and compare."


def refused(error: EmergencyError | TradeOpsError) -> CommandError:
    return CommandError(str(error), returncode=REFUSED)
