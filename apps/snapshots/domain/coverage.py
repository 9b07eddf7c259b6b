"""How much of what snapshots should know they do know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

HIGH, MEDIUM = 0.9, 0.5
# Below it learning from a field is doubtful; a critical field below it is worth telling somebody.
SUFFICIENT = 0.8
# A snapshot that lacks so large a share of its fields is called null-heavy.
NULL_HEAVY = 0.5


class Bucket(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Standing(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


def share(known: int, total: int) -> float | None:
    """0..1; None where there is nothing to share."""
    return known / total if total else None


def bucket_of(coverage: float) -> Bucket:
    """High from 0.9, medium from 0.5, low below."""
    return Bucket.HIGH if coverage >= HIGH else Bucket.MEDIUM if coverage >= MEDIUM else Bucket.LOW


def standing_of(coverage: float) -> Standing:
    """Ok from 0.8, bad below 0.5."""
    return Standing.OK if coverage >= SUFFICIENT else Standing.WARNING if coverage >= MEDIUM else Standing.BAD


def mean(coverages: Mapping[str, float]) -> float | None:
    """Of the columns' coverages, each counting alike."""
    return sum(coverages.values()) / len(coverages) if coverages else None
