"""What is wrong now, in one line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from apps.journal import selectors as journal
from apps.journal.choices import Severity


@dataclass(frozen=True, slots=True)
class IncidentsView:
    count: int
    label: str
    tone: str


def incidents_view() -> IncidentsView:
    counts = journal.open_incident_counts()
    count, critical = sum(counts.values()), counts.get(Severity.CRITICAL, 0)
    if not count:
        return IncidentsView(0, "No open incident", "good")
    label = f"{count} open incident{'s' if count > 1 else ''}" + (f", {critical} critical" if critical else "")
    return IncidentsView(count, label, "bad" if critical else "warning")


def incidents_section(now: datetime) -> dict[str, Any]:
    return asdict(incidents_view())
