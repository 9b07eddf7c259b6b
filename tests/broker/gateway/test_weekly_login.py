"""The gateway writes down its logins and which weekly login they prove, once, whatever restarts afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.broker import selectors
from apps.broker.domain.weekly_login import WeeklyLogin
from apps.broker.gateway import session_keeper
from apps.broker.models import GatewaySession
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.running import running, wait_for
from tradeops.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)


def at(moment: datetime) -> WeeklyLogin:
    return WeeklyLogin(moment.weekday(), moment.time(), ZoneInfo("UTC"))


def kept_at() -> datetime | None:
    return GatewaySession.objects.values_list("weekly_login_kept_at", flat=True).get()


def wait_until_settled_anew() -> None:
    begun = clock.now()
    wait_for(lambda: (selectors.session().settled_at or begun) > begun, seconds=10, what="settled")


def test_session_that_holds_after_its_login_keeps_the_appointment_once(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_keeper, "SETTLED_AFTER", timedelta(seconds=1))
    begun = clock.now()
    login = at(begun - timedelta(minutes=2))
    with running(simulator, weekly_login=login) as gateway:
        first = wait_for(kept_at, seconds=10, what="kept")
        row = GatewaySession.objects.get()
        assert row.logged_in_at is not None and begun < row.logged_in_at < first
        simulator.control("restart 1")
        wait_for(lambda: GatewaySession.objects.get().epoch == 2, seconds=15)
        gateway.wait_ready()
        wait_until_settled_anew()
        again = GatewaySession.objects.get()
        assert again.logged_in_at is not None and again.logged_in_at > first and again.weekly_login_kept_at == first
    with running(simulator, weekly_login=login):
        wait_until_settled_anew()
        assert kept_at() == first
    [event] = Event.objects.filter(step="Weekly login")
    assert event.data["due_at"] == login.latest(begun).isoformat() and "is kept" in event.message


def test_without_an_appointment_nothing_is_kept_and_before_it_that_of_last_week(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_keeper, "SETTLED_AFTER", timedelta(seconds=0))
    with running(simulator):
        assert GatewaySession.objects.get().logged_in_at is not None
        wait_for(lambda: selectors.session().settled_at is not None)
        assert kept_at() is None
    coming = clock.now() + timedelta(hours=1)
    with running(simulator, weekly_login=at(coming)):
        kept = wait_for(kept_at, seconds=10, what="kept")
        assert at(coming).open_at(clock.now(), kept_at=kept) == coming
