"""Reading snapshots."""

from apps.snapshots.selectors.coverage import Coverage, coverage, coverage_document, explain
from apps.snapshots.selectors.portfolio import (
    as_document,
    count_taken_since,
    latest_snapshot,
    snapshots_between,
    valuation_as_document,
)
from apps.snapshots.selectors.positions import (
    captured_among,
    count_captured_since,
    count_missing,
    known_underlyings,
    path_curves,
    path_of,
    position_document,
    position_snapshots,
    untracked_options,
)

__all__ = [
    "Coverage",
    "as_document",
    "captured_among",
    "count_captured_since",
    "count_missing",
    "count_taken_since",
    "coverage",
    "coverage_document",
    "explain",
    "known_underlyings",
    "latest_snapshot",
    "path_curves",
    "path_of",
    "position_document",
    "position_snapshots",
    "snapshots_between",
    "untracked_options",
    "valuation_as_document",
]
