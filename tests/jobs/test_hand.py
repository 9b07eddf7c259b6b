"""The runs that a worker process has claimed together: begun one after the other, parted when one takes longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from apps.jobs import execution, services
from apps.jobs.hand import OLDEST_CLAIM_SECONDS, Hand
from apps.jobs.models import JobRun
from apps.jobs.queue import Entry
from apps.jobs.services import Success
from apps.jobs.workplace import Workplace
from apps.journal.models import Event
from tests.jobs.conftest import ask_for
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sample_jobs")]

THREE = ("sample_quick", "sample_quick_2", "sample_quick_3")


def claimed_hand(*names: str, seconds_ago: float = 0.0) -> Hand:
    runs = [ask_for(name) for name in names]
    entries = [Entry(run.queue_entry or 0, run.pk, 1, run.job) for run in runs]
    claimed = services.exchange(endings=(), entries=entries, claimant=execution.claimant())
    assert len(claimed) == len(runs)
    return Hand(claimed, claimed_at=time.monotonic() - seconds_ago)


def states() -> list[str]:
    return list(JobRun.objects.order_by("pk").values_list("state", flat=True))


def succeed(hand: Hand) -> None:
    assert hand.context is not None
    now = clock.now()
    hand.end(Success(hand.context.run, {}, hand.context.report(), now, now))


def test_nothing_is_parted_between_two_runs_and_the_next_run_still_can_be() -> None:
    hand = claimed_hand(*THREE)
    hand.begin()
    succeed(hand)
    assert hand.part() is None
    assert states() == ["running"] * 3
    second = hand.begin()
    assert second is not None
    assert hand.part() is second
    assert states() == ["succeeded", "running", "queued"]
    assert hand.begin() is None


def test_parted_run_stays_parted_also_when_it_has_ended() -> None:
    hand = claimed_hand(*THREE)
    first = hand.begin()
    assert hand.part() is first
    assert hand.part() is first
    succeed(hand)
    assert hand.part() is first
    assert [ending.start_told for ending in hand.endings()] == [True]
    assert Event.objects.filter(message__startswith="job start:").count() == 1


@contextmanager
def journal_refusing() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_event ADD CONSTRAINT refusing CHECK (false) NOT VALID")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE journal_event DROP CONSTRAINT refusing")


def test_parting_that_failed_is_tried_again_while_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    hand, workplace = claimed_hand(*THREE), Workplace()
    try:
        with journal_refusing():
            hand.begin()
            workplace.hold(hand)
            wait_for(lambda: "could not be handed on" in caplog.text, seconds=60, what="a parting that failed")
            assert states() == ["running"] * 3
        wait_for(lambda: states() == ["running", "queued", "queued"], seconds=60, what="the others given back")
    finally:
        hand.is_done.set()
        workplace.hold(None)


def test_run_is_not_begun_when_others_may_soon_take_it() -> None:
    hand = claimed_hand(*THREE, seconds_ago=OLDEST_CLAIM_SECONDS + 1)
    assert hand.begin() is None
    assert len(hand.left()) == 3
    assert execution.give_back_left(hand)
    assert list(JobRun.objects.values_list("state", "attempt", "lease_owner")) == [("queued", 0, "")] * 3


def test_run_that_is_left_and_was_taken_by_another_is_not_given_back() -> None:
    hand = claimed_hand("sample_quick", seconds_ago=OLDEST_CLAIM_SECONDS + 1)
    JobRun.objects.update(lease_owner="another")
    assert hand.begin() is None
    execution.give_back_left(hand)
    assert list(JobRun.objects.values_list("state", "attempt", "lease_owner")) == [("running", 1, "another")]
