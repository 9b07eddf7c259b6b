from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.jobs.choices import CatchUp
from apps.jobs.domain.catching_up import Decision, decide
from apps.jobs.domain.punctuality import Punctuality, Slot, judge, lateness

AT = datetime(2026, 1, 15, 16, 35, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GRACE = 60 * MINUTE


@pytest.mark.parametrize(
    ("now", "started", "ended", "expected"),
    [
        (-SECOND, None, None, Punctuality.PLANNED),
        (0 * SECOND, None, None, Punctuality.ON_TIME),
        (30 * SECOND, None, None, Punctuality.ON_TIME),
        (31 * SECOND, None, None, Punctuality.LATE),
        (GRACE, None, None, Punctuality.LATE),
        (GRACE + SECOND, None, None, Punctuality.MISSED),
        (MINUTE, SECOND, None, Punctuality.ON_TIME),
        (MINUTE, 31 * SECOND, None, Punctuality.LATE),
        (GRACE + SECOND, SECOND, None, Punctuality.OVERDUE),
        (GRACE * 2, SECOND, 2 * SECOND, Punctuality.ON_TIME),
        (GRACE * 2, MINUTE, GRACE + MINUTE, Punctuality.LATE),
        (GRACE * 2, GRACE + MINUTE, GRACE + 2 * MINUTE, Punctuality.LATE),
    ],
)
def test_slot_is_judged_by_the_clock(
    now: timedelta, started: timedelta | None, ended: timedelta | None, expected: Punctuality
) -> None:
    slot = Slot(AT, GRACE, AT + started if started else None, AT + ended if ended else None)
    assert judge(slot, AT + now) is expected


def test_lateness_grows_until_the_slot_begins() -> None:
    assert lateness(Slot(AT, GRACE), AT - MINUTE) == timedelta(0)
    assert lateness(Slot(AT, GRACE), AT + MINUTE) == MINUTE
    assert lateness(Slot(AT, GRACE, AT + SECOND), AT + MINUTE) == SECOND


@pytest.mark.parametrize("policy", CatchUp.values)
def test_single_slot_on_time_runs_under_every_policy(policy: str) -> None:
    assert decide([AT], policy=policy, grace=GRACE, now=AT) == Decision(AT, ())
    assert decide([], policy=policy, grace=GRACE, now=AT) == Decision(None, ())


@pytest.mark.parametrize(
    ("policy", "run", "missed"),
    [(CatchUp.SKIP, None, (0, 1, 2)), (CatchUp.ONCE, 2, (0, 1)), (CatchUp.ALL, 0, ())],
)
def test_policy_decides_beyond_the_grace(policy: str, run: int | None, missed: tuple[int, ...]) -> None:
    slots = [AT + turn * MINUTE for turn in range(3)]
    expected = Decision(None if run is None else slots[run], tuple(slots[turn] for turn in missed))
    assert decide(slots, policy=policy, grace=GRACE, now=AT + 2 * GRACE) == expected
