"""What the sentinel does again and again: who hears of it when that fails, and how soon losses are watched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.broker.models import Account
from apps.journal.models import Incident
from apps.risk.models import EquityWatch
from apps.risk.services import monitors
from tests.risk.world import make_world
from tests.waiting import wait_for
from tradeops.sentinel import guarding, turns

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sentinel-work:account"


@contextmanager
def turning(monkeypatch: pytest.MonkeyPatch, work: Callable[[], bool]) -> Iterator[None]:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    stopping = threading.Event()
    options = {"unwatched": "Losses are not compared with their limits."}
    thread = threading.Thread(
        target=turns.each_turn, args=[stopping, lambda: True, work, "account"], kwargs=options, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def told() -> list[Incident]:
    return list(Incident.objects.filter(key=KEY, resolved_at=None))


class Work:
    """Fails for as long as it is told to, in a transaction that the database has given up."""

    def __init__(self) -> None:
        self.fails, self.tries = True, 0

    def __call__(self) -> bool:
        self.tries += 1
        if self.tries % 2:
            return False  # a turn with nothing to do proves nothing
        if self.fails:
            with transaction.atomic():
                Account.objects.create(code="DU1", mode="paper", as_of=timezone.now())
                raise IntegrityError("duplicate key\nDETAIL: whatever")
        return True


def test_work_that_fails_again_and_again_is_an_incident_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    with turning(monkeypatch, work):
        wait_for(told)
        (incident,) = told()
        assert incident.severity == "critical" and "Losses are not compared" in incident.detail
        assert "IntegrityError: duplicate key" in incident.detail and not Account.objects.exists()
        before = work.tries
        wait_for(lambda: work.tries > before + 20)
        assert Incident.objects.get(key=KEY).count == 1, "told once, not each second"
        work.fails = False
        wait_for(lambda: not told())


def test_work_that_failed_now_and_then_is_nobodys_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def work() -> bool:
        tries.append(1)
        if len(tries) % turns.FAILURES_ALLOWED:
            raise OSError("away")
        return True

    with turning(monkeypatch, work):
        wait_for(lambda: len(tries) > 50)
    assert not Incident.objects.filter(key=KEY).exists()


def test_incident_of_a_sentinel_that_is_gone_ends_with_the_first_turn_that_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Incident.objects.create(key=KEY, title="fails", severity="critical")
    with turning(monkeypatch, lambda: True):
        wait_for(lambda: not told())


def test_losses_are_watched_as_soon_as_there_is_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh installation: entries wait for the first round that knows the equity, not for the next minute."""
    monkeypatch.setattr(guarding, "WATCH_AGAIN_SECONDS", 0.0)
    watch = guarding.AccountWatch()
    watch.turn()
    assert not EquityWatch.objects.exists()
    make_world()
    EquityWatch.objects.all().delete()
    watch.turn()
    seen = EquityWatch.objects.get().known_at
    watch.turn()
    assert EquityWatch.objects.get().known_at == seen, "then once a minute"


def test_round_that_fails_is_tried_again_at_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    make_world()
    EquityWatch.objects.all().delete()
    watch = guarding.AccountWatch()
    with monkeypatch.context() as broken:
        broken.setattr(monitors, "remember_day", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch.turn()
        with pytest.raises(ZeroDivisionError):
            watch.turn()
    assert not EquityWatch.objects.exists()
    watch.turn()
    assert EquityWatch.objects.exists()
