from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.table import Table

from apps.risk import selectors
from apps.risk.domain.limits import CATALOGUE
from apps.risk.selectors import EffectiveLimit
from tradeops.lib.terminal import show


class Command(BaseCommand):
    help = "Show the limits that orders are held to, each with where it comes from and what waits for approval."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", help="with the limits of this account")
        parser.add_argument("--strategy", default="", help="with the limits of this strategy")
        parser.add_argument("--con-id", type=int, help="with the limits of this instrument")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found = selectors.effective_limits(
            account=options["account"], strategy=options["strategy"], con_id=options["con_id"]
        )
        rows = [row_of(limit) for limit in found.values()]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        table = Table("Limit", "Value", "Unit", "From", "Expires", "Waiting")
        for row in rows:
            table.add_row(*(str(row[key]) for key in ("name", "value", "unit", "source", "expires_at", "waiting")))
        show(self.stdout, table)


def row_of(limit: EffectiveLimit) -> dict[str, str]:
    revision = limit.revision
    return {
        "name": limit.name.value,
        "title": limit.name.label,
        "value": "none" if limit.value is None else f"{limit.value.normalize():f}",
        "unit": CATALOGUE[limit.name].unit.value,
        "source": limit.source,
        "reason": revision.reason if revision else CATALOGUE[limit.name].origin,
        "expires_at": f"{revision.expires_at:%Y-%m-%d %H:%M} UTC" if revision and revision.expires_at else "",
        "waiting": "; ".join(str(pending) for pending in selectors.pending_limits(limit.name)),
    }
