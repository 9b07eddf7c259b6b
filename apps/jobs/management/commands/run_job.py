from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.pretty import Pretty
from rich.status import Status

from apps.jobs import registry, services, waiting
from apps.jobs.choices import RunState
from apps.jobs.models import JobRun
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Run a job now, through the same queue, attempts and status as its scheduled runs, and wait for its result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the job; `manage.py jobs` lists them")
        waits = parser.add_mutually_exclusive_group()
        waits.add_argument("--wait", dest="wait", action="store_true", default=True, help="until it ends (the default)")
        waits.add_argument("--no-wait", dest="wait", action="store_false", help="only queue it")
        parser.add_argument("--json", action="store_true", help="print the run as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            job = registry.find(options["name"])
            waiting.require_worker()
            run = services.request_run(job=job, started_by=f"{getpass.getuser()} (run_job)", now=clock.now())
            if options["wait"]:
                run = self._follow(run, quiet=options["json"])
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        self._print(run, as_json=options["json"])
        if options["wait"] and run.state != RunState.SUCCEEDED:
            raise CommandError(f"{run.job} {run.get_state_display().lower()}: {run.error or 'no result'}")

    def _follow(self, run: JobRun, *, quiet: bool) -> JobRun:
        # Progress goes to stderr: stdout carries the result alone.
        with Status(f"{run.job}: queued", console=Console(stderr=True, quiet=quiet)) as status:
            return waiting.follow(
                run.pk, lambda now: status.update(f"{now.job}{bar(now)}: {waiting.describe(now, clock.now())}")
            )

    def _print(self, run: JobRun, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(as_dict(run), indent=2))
            return
        show(self.stdout, f"{run.job}, run {run.pk}: {run.get_state_display().lower()} (attempt {run.attempt})")
        if run.result is not None:
            show(self.stdout, Pretty(run.result, expand_all=True))


def bar(run: JobRun) -> str:
    return f" {run.progress_done}/{run.progress_total}" if run.progress_total else ""


def as_dict(run: JobRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "job": run.job,
        "state": run.state,
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "result": run.result,
        "error": run.error,
    }
