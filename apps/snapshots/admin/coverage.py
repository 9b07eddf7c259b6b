"""How complete the snapshots are, field by field."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.snapshots import selectors
from apps.snapshots.domain.coverage import Bucket
from apps.snapshots.models import SnapshotCoverage
from apps.snapshots.selectors import Coverage
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin

RANGES = {"30": "30 days", "90": "90 days", "365": "A year", "all": "All"}
DEFAULT = "90"
WIDTH, HEIGHT, MARGIN = 132, 30, 3


@admin.register(SnapshotCoverage)
class SnapshotCoverageAdmin(ReadOnlyAdmin):
    """Its list is the page. A snapshot has its own page under Position snapshots."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = request.GET.get("days", DEFAULT)
        chosen = chosen if chosen in RANGES else DEFAULT
        found = selectors.coverage(since=first_day(chosen))
        context = {
            **self.admin_site.each_context(request),
            "title": "Snapshot coverage",
            "opts": self.opts,
            "coverage": found,
            "chosen": chosen,
            "ranges": RANGES.items(),
            **(shown(found) if found.total else {}),
        }
        return TemplateResponse(request, "admin/snapshots/coverage.html", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """There is no page of a single row."""
        return None


def first_day(chosen: str) -> date | None:
    return None if chosen == "all" else clock.now().date() - timedelta(days=int(chosen))


def shown(found: Coverage) -> dict[str, Any]:
    return {
        "fields": [
            {"field": field, "percent": f"{100 * field.coverage:.1f} %", "points": points(field.trend)}
            for field in found.fields
        ],
        "average": f"{100 * (found.average or 0):.1f} %",
        "buckets": [(bucket.value, len(found.bucket(bucket))) for bucket in Bucket],
        "incomplete": [(row, selectors.explain(row)) for row in found.null_heavy],
        "spark": {"width": WIDTH, "height": HEIGHT},
    }


def points(trend: Any) -> str:
    """The polyline of an SVG: the share of each day, 1 at the top. Empty for fewer than two days."""
    if len(trend) < 2:
        return ""
    step = (WIDTH - 2 * MARGIN) / (len(trend) - 1)
    tall = HEIGHT - 2 * MARGIN
    return " ".join(
        f"{MARGIN + place * step:.1f},{HEIGHT - MARGIN - tall * share:.1f}" for place, (_, share) in enumerate(trend)
    )
