from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.risk.choices import RunTrigger
from apps.risk.models import ReconciliationRun
from apps.risk.reconciliation_selectors import open_breaks
from apps.risk.services import breaks
from apps.risk.services.reconciliation import reconcile

WORDS = {True: "match", False: "DIFFER", None: "unknown"}


class Command(BaseCommand):
    help = "Compare the ledger with the broker now. Exit code 0: they agree; 1: they differ or nobody can say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", help="the traded one when left out")
        parser.add_argument("--user", default="", help="who asks; the login name of the shell when left out")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = options["user"] or os.environ.get("USER") or "command"
        run = reconcile(trigger=RunTrigger.PERSON, account=options["account"], requested_by=actor)
        self.stdout.write(json.dumps(as_row(run), indent=2) if options["json"] else as_text(run))
        if run.is_clean is not True:
            raise CommandError(f"ledger and broker {run.verdict}: {run.problem or 'see the breaks above'}")


def as_row(run: ReconciliationRun) -> dict[str, Any]:
    return {
        "run": run.pk,
        "account": run.account.code if run.account else None,
        "at": run.started_at.isoformat(),
        "verdict": run.verdict,
        "positions_match": run.positions_match,
        "pending_orders_match": run.orders_match,
        "executions_match": run.executions_match,
        "account_value_matches": run.account_matches,
        "problem": run.problem,
        **run.report,
    }


def as_text(run: ReconciliationRun) -> str:
    lines = [
        f"positions {WORDS[run.positions_match]}, pending orders {WORDS[run.orders_match]}, "
        f"executions {WORDS[run.executions_match]}, account value {WORDS[run.account_matches]}"
    ]
    for row in open_breaks(run.account.code if run.account else ""):
        lines.append(f"  {row.get_state_display()} since {row.first_seen_at:%Y-%m-%d %H:%M:%S} UTC: {row.title}")
        lines.append(f"    {breaks.remedy(row)}")
    return "\n".join(lines)
