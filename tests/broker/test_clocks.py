"""Whole seconds tell an offset only as far as their rounding cannot explain it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.broker.domain.clocks import certain_offset

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "asked", "took", "expected"),
    [
        (0, 0.0, 0.0, 0.0),
        (0, 0.999, 0.0, 0.0),
        (0, -0.5, 0.0, 0.0),
        (0, 1.5, 0.0, -0.5),
        (0, -2.5, 0.0, 2.0),
        (0, -2.5, 2.0, 0.0),
        (0, 3.0, 2.0, -2.0),
        (0, -2.5, 1.0, 1.0),
    ],
)
def test_certain_offset_leaves_out_rounding_and_the_question_itself(
    told: float, asked: float, took: float, expected: float
) -> None:
    before = NOON + timedelta(seconds=asked)
    found = certain_offset(NOON + timedelta(seconds=told), before=before, after=before + timedelta(seconds=took))
    assert found == pytest.approx(expected)
