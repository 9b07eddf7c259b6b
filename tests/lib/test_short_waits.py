"""A transaction that somebody has forgotten keeps no stop from landing, and none of ours keeps others waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from pytest_django import Settings

from apps.broker.choices import Scope, StopSource, TradingPermission
from apps.broker.models import TradingState
from apps.risk import services as risk
from apps.risk.services import emergency_flag
from tests.waiting import wait_for
from tradeops.lib import short_waits
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def forgotten() -> Iterator[psycopg.Connection]:
    """Somebody's psql: it has changed a row, and went to lunch."""
    row = {"scope": Scope.EVERYTHING, "source": StopSource.MANUAL, "reason": "", "set_by": "somebody"}
    TradingState.objects.create(permission=TradingPermission.ACTIVE, **row)
    with psycopg.connect(conninfo()) as session:
        session.execute("UPDATE broker_tradingstate SET reason = 'looking'")
        yield session
        session.rollback()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, forgotten: psycopg.Connection) -> Iterator[None]:
    """This process as the gateway, a worker or a web process."""
    options = connections.settings["default"]["OPTIONS"]
    monkeypatch.setitem(options, "options", options["options"])
    monkeypatch.setattr(short_waits, "WAIT_SECONDS", 1)
    short_waits.use_short_waits()
    connection.close()
    yield
    connection.close()


def test_stop_lands_although_somebody_has_forgotten_a_transaction(
    short: None, settings: Settings, tmp_path: Path
) -> None:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    asked = risk.halt(scope=Scope.EVERYTHING, reason="smoke", actor="rita")
    assert asked.run is None, "the tables are held: the file stops trading"
    assert emergency_flag.read() is not None


def test_lock_that_others_hold_is_an_error_and_no_wait_for_ever(short: None) -> None:
    with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
        TradingState.objects.select_for_update().get()


def test_transaction_that_is_left_open_lets_go_of_its_locks(short: None, forgotten: psycopg.Connection) -> None:
    forgotten.rollback()
    left = threading.Event()

    def leave() -> None:
        try:
            with transaction.atomic():
                TradingState.objects.select_for_update().get()
                left.wait(60)
        except DatabaseError:
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=leave)
    thread.start()
    try:
        watcher = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%FOR UPDATE%'"
        wait_for(lambda: connection.cursor().execute(watcher).fetchone(), what="it holds the row")
        forgotten.execute("UPDATE broker_tradingstate SET reason = 'mine now'")
    finally:
        left.set()
        thread.join()


@pytest.mark.parametrize(
    "command",
    [
        "broker.management.commands.gateway",
        "jobs.management.commands.worker",
        "jobs.management.commands.jobcluster",
        "console.management.commands.web",
    ],
)
def test_process_waits_shortly_from_its_first_connection_on(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reached(Exception):
        pass

    def reached(**options: object) -> None:
        raise Reached

    module = import_module(f"apps.{command}")
    monkeypatch.setattr(module, "use_short_waits", reached)
    with pytest.raises(Reached):
        module.Command().handle(host="127.0.0.1", port=0, behind_proxy=False)
