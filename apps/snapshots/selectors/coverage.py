"""The quality of the position snapshots: how many know each field, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, QuerySet

from apps.snapshots.choices import MissingReason
from apps.snapshots.domain.coverage import NULL_HEAVY, SUFFICIENT, Bucket, Standing, bucket_of, mean, share, standing_of
from apps.snapshots.domain.position import FIELDS
from apps.snapshots.models import PositionSnapshot

# Of the eight fields that learning leans on most, those that a position snapshot has.
CRITICAL = ("delta", "iv", "vix", "dte_remaining")
DAYS_SHOWN = 30
NULL_HEAVY_SHOWN = 20
LEAST_MISSING = math.ceil(len(FIELDS) * NULL_HEAVY)


@dataclass(frozen=True, slots=True)
class FieldCoverage:
    """`trend`: day and share of the last 30 days, the oldest first."""

    name: str
    title: str
    known: int
    total: int
    coverage: float
    bucket: Bucket
    standing: Standing
    is_critical: bool
    trend: Sequence[tuple[date, float]]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the snapshots since `since` (None: of all). `reasons`: how many fields are missing for each reason."""

    since: date | None
    total: int
    trades: int
    first: date | None
    last: date | None
    fields: Sequence[FieldCoverage]
    reasons: Sequence[tuple[MissingReason, int]]
    null_heavy_total: int
    null_heavy: Sequence[PositionSnapshot]

    @property
    def average(self) -> float | None:
        return mean({field.name: field.coverage for field in self.fields})

    @property
    def alert(self) -> str:
        """A sentence for people while a critical field is known too seldom; else empty."""
        thin = [field for field in self.fields if field.is_critical and field.coverage < SUFFICIENT]
        if not thin:
            return ""
        said = ", ".join(f"{field.name} in {100 * field.coverage:.1f} %" for field in thin)
        return (
            f"Critical fields should be known in at least {100 * SUFFICIENT:.0f} % of the snapshots, and are not: "
            f"{said}. What is learnt from them is doubtful."
        )

    def bucket(self, bucket: Bucket) -> list[str]:
        return [field.name for field in self.fields if field.bucket is bucket]


def coverage(*, since: date | None = None) -> Coverage:
    rows = PositionSnapshot.objects.all()
    rows = rows.filter(snapshot_date__gte=since) if since else rows
    counts: dict[str, Any] = rows.aggregate(
        total=Count("id"),
        trades=Count("trade", distinct=True),
        first=Min("snapshot_date"),
        last=Max("snapshot_date"),
        **{f"known_{name}": Count(name) for name in FIELDS},
    )
    heavy = null_heavy(rows)
    return Coverage(
        since=since,
        total=counts["total"],
        trades=counts["trades"],
        first=counts["first"],
        last=counts["last"],
        fields=_fields(counts, rows),
        reasons=_reasons(since),
        null_heavy_total=heavy.count() if counts["total"] else 0,
        null_heavy=list(heavy.select_related("instrument", "account")[:NULL_HEAVY_SHOWN]),
    )


def _fields(counts: dict[str, Any], rows: QuerySet[PositionSnapshot]) -> list[FieldCoverage]:
    found, total = [], counts["total"]
    days = _by_day(rows, counts["last"]) if total else []
    for name in FIELDS:
        covered = share(counts[f"known_{name}"], total)
        if covered is None:
            continue
        found.append(
            FieldCoverage(
                name=name,
                title=str(PositionSnapshot._meta.get_field(name).verbose_name),  # type: ignore[union-attr] # a column
                known=counts[f"known_{name}"],
                total=total,
                coverage=covered,
                bucket=bucket_of(covered),
                standing=standing_of(covered),
                is_critical=name in CRITICAL,
                trend=[(row["snapshot_date"], row[f"known_{name}"] / row["total"]) for row in days],
            )
        )
    return found


def _by_day(rows: QuerySet[PositionSnapshot], last: date) -> list[dict[str, Any]]:
    days = rows.filter(snapshot_date__gt=last - timedelta(days=DAYS_SHOWN)).order_by().values("snapshot_date")
    known = {f"known_{name}": Count(name) for name in FIELDS}
    return [dict(row) for row in days.annotate(total=Count("id"), **known).order_by("snapshot_date")]


def null_heavy(rows: QuerySet[PositionSnapshot]) -> QuerySet[PositionSnapshot]:
    """Snapshots that lack at least half of what they should know, the newest first."""
    return rows.filter(missing_count__gte=LEAST_MISSING).order_by("-snapshot_date", "-id")


REASONS = """
SELECT why, count(*) FROM snapshots_positionsnapshot, jsonb_each_text(missing) AS each(field, why)
 WHERE missing_count > 0 AND (%(since)s::date IS NULL OR snapshot_date >= %(since)s) GROUP BY why
 ORDER BY count(*) DESC, why
"""


def _reasons(since: date | None) -> list[tuple[MissingReason, int]]:
    with connection.cursor() as cursor:
        cursor.execute(REASONS, {"since": since})
        return [(MissingReason(why), count) for why, count in cursor.fetchall()]


def explain(row: PositionSnapshot) -> str:
    """Why a snapshot is incomplete, each reason once with its fields: "No market data permission: delta, iv"."""
    by_reason: dict[str, list[str]] = {}
    for name in (name for name in FIELDS if name in row.missing):
        by_reason.setdefault(MissingReason(row.missing[name]).label, []).append(name)
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in by_reason.items())


def coverage_document(found: Coverage) -> dict[str, Any]:
    """For machines: shares from 0 to 1, null where there is nothing to share."""
    return {
        "position_snapshots": found.total,
        "trades": found.trades,
        "since": found.since.isoformat() if found.since else None,
        "first_date": found.first.isoformat() if found.first else None,
        "last_date": found.last.isoformat() if found.last else None,
        "total_fields": len(FIELDS),
        "overall_avg_coverage": found.average,
        "fields": {
            field.name: {
                "coverage": field.coverage,
                "non_null": field.known,
                "total": field.total,
                "bucket": field.bucket,
                "status": field.standing,
                "critical": field.is_critical,
            }
            for field in found.fields
        },
        "buckets": {bucket.value: found.bucket(bucket) for bucket in Bucket},
        "alert": found.alert,
        "critical_fields_coverage": {field.name: field.coverage for field in found.fields if field.is_critical},
        "missing": {reason.value: count for reason, count in found.reasons},
        "null_heavy": {
            "total": found.null_heavy_total,
            "newest": [
                {
                    "id": row.pk,
                    "contract": str(row.instrument),
                    "date": row.snapshot_date.isoformat(),
                    "why": explain(row),
                }
                for row in found.null_heavy
            ],
        },
    }
