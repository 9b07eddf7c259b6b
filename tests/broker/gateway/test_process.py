"""The command itself: one per database, stops cleanly, comes back after a kill, outlasts the database."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from apps.broker.choices import SessionState
from apps.broker.models import GatewaySession, Request
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.processes import gateway_process
from tests.broker.gateway.running import running, true_executions, wait_until_tables_agree
from tests.database import give_migrated_cluster
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.processes.postgres import Address, EmbeddedPostgres


def ready() -> bool:
    return GatewaySession.objects.filter(state=SessionState.READY).exists()


@pytest.mark.django_db(transaction=True)
def test_second_gateway_is_refused_and_told_who_runs(simulator: SimulatorProcess) -> None:
    with running(simulator), gateway_process(simulator.port) as second:
        output, _ = second.communicate(timeout=20)
        assert second.returncode == 1
        assert "Another gateway runs against this database: tradeops gateway pid" in output
        assert "Traceback" not in output


@pytest.mark.django_db(transaction=True)
def test_sigterm_stops_within_three_seconds(simulator: SimulatorProcess) -> None:
    with gateway_process(simulator.port) as process:
        wait_for(ready, seconds=20)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - begun < 3
    row = GatewaySession.objects.get()
    assert (row.state, row.reason, row.trading_link_up) == (SessionState.DISCONNECTED, "stopped", False)
    assert Event.objects.filter(step="Session").latest("id").level == "INFO"
    wait_for(lambda: simulator.control("status")["connections"] == 0)


@pytest.mark.django_db(transaction=True)
def test_killed_gateway_is_replaced_and_catches_up(simulator: SimulatorProcess) -> None:
    with gateway_process(simulator.port) as process:
        wait_for(ready, seconds=20)
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    claimed = Request.objects.create(kind="quotes", state="claimed", deadline=clock.now())
    GatewaySession.objects.update(state=SessionState.STARTING)
    simulator.control("trade QQQ BUY 9")
    with gateway_process(simulator.port):
        wait_for(ready, seconds=20)
        wait_until_tables_agree(simulator)
        wait_for(lambda: Request.objects.get(id=claimed.id).state == "unknown")
        assert GatewaySession.objects.get().epoch == 2


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, Address]]:
    """A database of its own, which the test may stop."""
    give_migrated_cluster(tmp_path / "postgres")
    postgres = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    process, address = postgres.start()
    try:
        yield postgres, address
    finally:
        postgres.stop_leftover()
        process.wait(15)


def read(address: Address, query: str) -> list[Any]:
    try:
        with psycopg.connect(address.dsn(), connect_timeout=2) as connection:
            return connection.execute(query.encode()).fetchall()
    except psycopg.OperationalError:
        return []


def executed(address: Address) -> dict[str, Decimal]:
    return dict(read(address, "SELECT exec_id, quantity FROM broker_execution WHERE is_current"))


def is_ready(address: Address) -> bool:
    query = "SELECT state FROM broker_gatewaysession WHERE heartbeat_at > now() - interval '5 s'"
    return read(address, query) == [("ready",)]


def test_database_away_loses_no_execution(
    simulator: SimulatorProcess, own_postgres: tuple[EmbeddedPostgres, Address]
) -> None:
    postgres, address = own_postgres
    with gateway_process(simulator.port, database=address.dsn()) as process:
        wait_for(lambda: is_ready(address), seconds=20)
        for _ in range(3):
            simulator.control("trade QQQ BUY 1")
        postgres.stop_leftover()
        for _ in range(20):
            simulator.control("trade QQQ BUY 1")
            simulator.control("trade IWM SELL 2")
            time.sleep(0.05)
        status = simulator.control("status")
        assert {client["client_id"] for client in status["clients"]} == {1, 1001}, "the links must stay up"
        restarted, again = postgres.start()
        assert again == address
        try:
            wait_for(lambda: executed(address) == true_executions(simulator), seconds=15, what="executions")
            wait_for(lambda: is_ready(address), seconds=15)
            position = (
                "SELECT quantity FROM broker_position p JOIN broker_instrument i ON i.id = p.instrument_id "
                "WHERE i.symbol = 'QQQ' AND i.sec_type = 'STK'"
            )
            wait_for(lambda: read(address, position) == [(Decimal(23),)], seconds=5)
            assert read(address, "SELECT epoch FROM broker_gatewaysession") == [(1,)]
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        finally:
            postgres.stop_leftover()
            restarted.wait(15)


def test_sigterm_works_while_the_database_is_away(
    simulator: SimulatorProcess, own_postgres: tuple[EmbeddedPostgres, Address]
) -> None:
    postgres, address = own_postgres
    with gateway_process(simulator.port, database=address.dsn()) as process:
        wait_for(lambda: is_ready(address), seconds=20)
        postgres.stop_leftover()
        time.sleep(0.5)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert time.monotonic() - begun < 3.5
