"""People, monitors and the clock at the same rows at once: nobody's stop is lost, and a lock is no outage."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections

from apps.broker.choices import EmergencyKind, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.gate import GATE_LOCK
from apps.broker.models import TradingState
from apps.risk.domain.limits import defaults
from apps.risk.models import LimitBreach
from apps.risk.services import emergency, emergency_flag, emergency_rows, monitors
from apps.risk.services.emergency_flag import Flag
from apps.risk.services.emergency_rows import PRESS_LOCK
from apps.risk.services.emergency_watch import lift_due_stops
from tests.broker.ledger.builders import make_account
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.known import Known
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)

TAKE_GATE = "SELECT pg_advisory_xact_lock(%s)"
TRY_GATE = "SELECT pg_try_advisory_xact_lock(%s)"
TAKE_PRESSES = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(autouse=True)
def halt_file(settings: Any, tmp_path: Path) -> Path:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


@contextmanager
def aside(work: Any) -> Iterator[Future[Any]]:
    """`work` in another thread, with a connection of its own."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)


def someone_waits(other: psycopg.Connection[Any]) -> bool:
    row = other.execute(WAITING).fetchone()
    return row is not None and row[0] > 0


@pytest.mark.mission(181)
def test_a_press_that_a_deadlock_chose_is_tried_again() -> None:
    make_account()
    with psycopg.connect(conninfo()) as other:
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(TAKE_GATE, [GATE_LOCK])
        with aside(lambda: emergency.close_all(reason="fire", actor="ann")) as pressed:
            wait_for(lambda: someone_waits(other), seconds=30)
            other.execute(TAKE_PRESSES, [PRESS_LOCK, EmergencyKind.CLOSE_ALL])
            other.commit()
            asked = pressed.result(timeout=60)
    assert asked.run is not None and not any("away" in note for note in asked.notes)
    assert TradingState.objects.get().permission == TradingPermission.HALTED
    held = emergency_flag.read()
    assert held is not None and held.permission is TradingPermission.HALTED


@pytest.mark.mission(181)
def test_a_persons_press_falls_back_on_the_file_where_a_lock_is_never_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency_rows, "LOCK_SECONDS", 0.1)
    with psycopg.connect(conninfo()) as other:
        other.execute(TAKE_GATE, [GATE_LOCK])
        asked = emergency.halt(scope=Scope.EVERYTHING, reason="fire", actor="ann")
    held = emergency_flag.read()
    assert asked.run is None and held is not None and held.permission is TradingPermission.HALTED


def test_a_limits_stop_never_becomes_a_file_while_the_database_is_there(
    monkeypatch: pytest.MonkeyPatch, halt_file: Path
) -> None:
    monkeypatch.setattr(emergency_rows, "LOCK_SECONDS", 0.1)
    with psycopg.connect(conninfo()) as other:
        other.execute(TAKE_GATE, [GATE_LOCK])
        with pytest.raises(OperationalError):
            emergency.halt(scope=Scope.ACCOUNT, target="DU1", reason="lost", actor="monitor", source=StopSource.LIMIT)
    assert not halt_file.exists()


def test_a_round_that_ends_a_breach_does_not_hold_the_gate_while_a_person_presses() -> None:
    """Else either would wait for the other as soon as the round has something to stop, too."""
    account, now = make_account(), clock.now()

    def judge(equity: int, days: int) -> Any:
        at = now + timedelta(days=days)
        return monitors.judge(account=account, equity=Known(Decimal(equity), at), limits=defaults(), now=at)

    judge(100_000, 0)
    judge(96_900, 0)
    with psycopg.connect(conninfo()) as person:
        person.execute(TAKE_PRESSES, [PRESS_LOCK, EmergencyKind.HALT])
        with aside(lambda: judge(84_000, 30)) as judged:
            wait_for(lambda: someone_waits(person), seconds=30)
            free = person.execute(TRY_GATE, [GATE_LOCK]).fetchone()
            person.commit()
            judged.result(timeout=60)
    assert free == (True,)
    assert set(LimitBreach.objects.filter(ended_at=None).values_list("rule", flat=True)) == {"drawdown"}


def test_of_two_who_write_the_file_at_once_neither_is_lost(halt_file: Path) -> None:
    """Each stops an account: the file must stop both, whoever comes first."""
    for number in range(30):
        both = Barrier(2)

        def write(name: str) -> None:
            flag = Flag(Scope.ACCOUNT, name, TradingPermission.HALTED, name, name)
            both.wait()  # noqa: B023
            emergency_flag.write(flag)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, ("DU1", "DU2")))
        held = emergency_flag.read()
        assert held is not None and held.scope is Scope.EVERYTHING, f"round {number}: {held}"
        assert emergency_flag.remove(Scope.EVERYTHING, "")


def test_a_frozen_process_keeps_nobody_from_writing_the_file(halt_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergency_flag, "TURN_SECONDS", 0.1)
    folder = os.open(halt_file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        emergency_flag.write(Flag(Scope.EVERYTHING, "", TradingPermission.KILLED, "fire", "ann"))
    finally:
        os.close(folder)
    assert halt_file.exists()


def test_the_clock_does_not_lift_what_was_renewed_meanwhile() -> None:
    now = clock.now()
    TradingState.objects.create(
        scope=Scope.EVERYTHING, source=StopSource.LIMIT, permission=TradingPermission.HALTED, reason="lost 3 %",
        ending=StopEnding.NEXT_TRADING_DAY, ends_at=now, set_by="monitor",
    )  # fmt: skip
    with psycopg.connect(conninfo()) as monitor:
        monitor.execute(TAKE_GATE, [GATE_LOCK])
        with aside(lambda: lift_due_stops(now=now)) as lifted:
            wait_for(lambda: someone_waits(monitor), seconds=30)
            monitor.execute("UPDATE broker_tradingstate SET ends_at = %s", [now + timedelta(days=1)])
            monitor.commit()
            assert lifted.result(timeout=60) == 0
    assert TradingState.objects.get().permission == TradingPermission.HALTED
