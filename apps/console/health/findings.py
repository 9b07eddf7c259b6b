"""What the rules say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from apps.journal.choices import RANKS, Severity

DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. The text names nothing secret: `/health` shows it to everybody.

    `key` is stable while it lasts: `worker`, `job-overdue:weekly_report`, ... The runbook has a section for each.
    `patience`: seconds that it must last before people are told, because it usually mends itself sooner.
    `happened_at`: set where it tells of a moment that cannot be mended, so that a person who has dealt with it is not
    told of it again.
    """

    key: str
    severity: Severity
    sentence: str
    remedy: str
    patience: float = 0.0
    happened_at: datetime | None = None

    @property
    def topic(self) -> str:
        return self.key.partition(":")[0]

    @property
    def is_critical(self) -> bool:
        return self.severity == Severity.CRITICAL

    def as_row(self) -> dict[str, str]:
        """For those who are signed in."""
        return {"key": self.key, "severity": str(self.severity), "sentence": self.sentence, "remedy": self.remedy}


def critical(key: str, sentence: str, remedy: str, *, patience: float = 0.0) -> Finding:
    return Finding(key, Severity.CRITICAL, sentence, remedy, patience)


def warning(
    key: str, sentence: str, remedy: str, *, patience: float = 0.0, happened_at: datetime | None = None
) -> Finding:
    return Finding(key, Severity.WARNING, sentence, remedy, patience, happened_at)


def info(key: str, sentence: str, remedy: str) -> Finding:
    return Finding(key, Severity.INFO, sentence, remedy)


def database_unavailable() -> Finding:
    """The one finding that no look into the tables can bring. Why is for those who are signed in."""
    return critical(DATABASE, "database unavailable", "Start PostgreSQL; its own log says why it ended.")


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: -RANKS[finding.severity]))


def sentences_of_critical(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(finding.sentence for finding in findings if finding.is_critical)
