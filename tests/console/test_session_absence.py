"""A session that comes and goes is told of like one that stays away: the keeper's row, and what the rules say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connections

from apps.broker import selectors
from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.broker.domain.session import LinkDown, LinkName, LinkUp, SyncEnded
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.models import GatewaySession
from apps.console.health.rules import judge
from tests.console.test_health_rules import WELL
from tradeops.lib import clock, crossing

pytestmark = pytest.mark.django_db(transaction=True)

BEGIN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NIGHT = RestartCalendar.of(Region.NONE, RestartWindow(time(23, 45), time(0, 15)))


class Watched:
    """A gateway's keeper and what the health rules say of its row."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.start()

    def start(self) -> None:
        self.keeper = SessionKeeper(NIGHT, values=dict, epoch=lambda: 1)

    def login(self) -> None:
        for event in (LinkUp(LinkName.TRADING), LinkUp(LinkName.DATA), SyncEnded()):
            self.keeper.tell(event)

    def drop(self) -> None:
        self.keeper.tell(LinkDown(LinkName.TRADING, "TWS closed the connection.", self.now))

    def after(self, seconds: float) -> list[tuple[str, str]]:
        """What is found then, the heartbeat having been written each second until then."""
        found: list[tuple[str, str]] = []
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now += timedelta(seconds=1)
            self.keeper.review()
            asyncio.run(self._write())
            facts = replace(WELL, now=self.now, session=selectors.session(now=self.now), processes=(), jobs=())
            found = [
                (finding.sentence, str(finding.severity)) for finding in judge(facts) if finding.key == "broker-session"
            ]
        return found

    async def _write(self) -> None:
        await self.keeper.write()
        await crossing.in_database(connections.close_all)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    made: list[Watched] = []
    now: Callable[[], datetime] = lambda: made[0].now if made else BEGIN  # noqa: E731
    monkeypatch.setattr(clock, "now", now)
    made.append(Watched())
    yield made[0]


def test_session_that_comes_and_goes_is_an_absence(watched: Watched) -> None:
    watched.login()
    assert watched.after(40) == []
    for round_ in range(8):
        watched.drop()
        away = watched.after(20)
        watched.login()
        back = watched.after(25)
        if round_ == 0:
            assert (away, back) == ([], [])
        if round_ in (2, 3, 4):
            assert away == [("no broker session since 2026-03-02 15:00 UTC", "warning")]
        if round_ >= 2:
            assert back == [("no broker session has held since 2026-03-02 15:00 UTC", "warning")]
    assert away == [("no broker session since 2026-03-02 15:00 UTC", "critical")]
    assert watched.after(10) == [], "it has held"


def test_planned_restart_excuses_the_absence(watched: Watched) -> None:
    watched.login()
    watched.now = datetime(2026, 3, 2, 23, 44, tzinfo=UTC)
    assert watched.after(60) == []
    watched.drop()
    watched.now = datetime(2026, 3, 3, 0, 19, 30, tzinfo=UTC)
    assert watched.after(25) == [], "TWS is back with the end of the window"
    watched.login()
    assert watched.after(20) == []
    watched.drop()
    assert watched.after(35) == []
    assert watched.after(30) == [("no broker session since 2026-03-03 00:19 UTC", "warning")]


def test_gateway_that_restarts_all_the_time_has_no_session_and_one_that_was_stopped_begins_anew(
    watched: Watched,
) -> None:
    watched.login()
    watched.after(40)
    for _ in range(4):
        watched.start()
        watched.login()
        assert GatewaySession.objects.get().settled_at == BEGIN + timedelta(seconds=40)
        found = watched.after(25)
    assert found == [("no broker session has held since 2026-03-02 15:00 UTC", "warning")]
    watched.now += timedelta(hours=10)
    watched.start()
    watched.drop()
    assert watched.after(50) == []
    assert watched.after(20) == [("no broker session since 2026-03-03 01:02 UTC", "warning")]
