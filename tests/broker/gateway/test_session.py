"""The session's state follows what happens to the connection, and everything is there again afterwards."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from ib_async import IB

from apps.broker import selectors
from apps.broker import services as broker
from apps.broker.choices import EmergencyState, OrderPurpose, OrderState, RequestKind, SessionState, Side
from apps.broker.domain.restart_window import RestartCalendar, RestartWindow
from apps.broker.exceptions import SecondGatewayError
from apps.broker.gateway import lock
from apps.broker.models import Commission, EmergencyRun, GatewaySession, Instrument, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event, Incident
from tests.broker.gateway.ordering import give, state, wait_state
from tests.broker.gateway.running import (
    RunningGateway,
    config_for,
    running,
    shown_positions,
    wait_for,
    wait_until_tables_agree,
)
from tradeops.lib.known import Known
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)
LOCK_HOLDER = (
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tradeops gateway%' AND datname = current_database()"
)


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[RunningGateway]:
    with running(simulator) as gateway:
        yield gateway


def transitions() -> list[str]:
    return [event.data["to"] for event in Event.objects.filter(step="Session").order_by("id")]


def test_states_are_journaled_in_order(gateway: RunningGateway) -> None:
    assert transitions()[-1] == "ready" and "reconciling" in transitions()
    view = selectors.session()
    assert view.admits(OrderPurpose.ENTRY) and view.running and view.is_following


@pytest.mark.mission(62)
def test_session_says_whether_the_configured_gateway_is_reachable(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    view = selectors.session()
    assert (view.host, view.port, view.trading_link_up, view.data_link_up) == ("127.0.0.1", simulator.port, True, True)
    simulator.stop()
    gateway.wait_state(SessionState.DISCONNECTED)
    wait_for(lambda: f"127.0.0.1:{simulator.port}" in selectors.session().reason)
    assert not selectors.session().trading_link_up


def test_restart_comes_and_goes(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("restart 2")
    gateway.wait_state(SessionState.DISCONNECTED)
    assert gateway.wait_ready(seconds=20).epoch == 2
    wait_until_tables_agree(simulator)


@pytest.mark.parametrize("way", ["drop 1", "drop 1 rst"])
def test_lost_trading_link_comes_back(simulator: SimulatorProcess, gateway: RunningGateway, way: str) -> None:
    simulator.control(way)
    wait_for(lambda: GatewaySession.objects.get().epoch == 2)
    gateway.wait_ready()


def test_lost_data_link_degrades_until_it_is_back(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("refuse 1")
    simulator.control("drop 1001")
    row = gateway.wait_state(SessionState.DATA_DEGRADED)
    assert row.trading_link_up and not row.data_link_up
    gateway.wait_ready()
    assert GatewaySession.objects.get().epoch == 1


def test_half_open_link_is_found_within_15_seconds(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("blackhole on")
    begun = time.monotonic()
    row = gateway.wait_state(SessionState.DISCONNECTED, seconds=16)
    print(f"half-open link found in {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 15 and "does not answer" in row.reason
    simulator.control("blackhole off")
    gateway.wait_ready(seconds=30)


def test_fills_and_closed_orders_while_disconnected_are_found(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    working = simulator.control("order QQQ BUY 10 1")["perm_id"]
    simulator.control("restart 1")
    gateway.wait_state(SessionState.DISCONNECTED)
    simulator.control("trade IWM BUY 7")
    simulator.control(f"cancel {working}")
    for row in simulator.control("positions")["positions"]:
        if row["symbol"] == "XLE":
            simulator.control(f"trade XLE SELL {row['quantity']}")
    gateway.wait_ready()
    wait_until_tables_agree(simulator)
    wait_for(lambda: Commission.objects.count() == 2)


def test_1100_and_1102(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("1100")
    row = gateway.wait_state(SessionState.BROKER_LOST)
    assert row.trading_link_up and "1100" in row.reason
    before = row.synchronised_at
    simulator.control("trade QQQ BUY 5")
    simulator.control("1102")
    after = gateway.wait_ready().synchronised_at
    assert before is not None and after is not None and after > before
    wait_until_tables_agree(simulator)
    assert transitions()[-3:] == ["broker-lost", "reconciling", "ready"]


def test_1101_resynchronises_and_profit_streams_again(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("1100")
    gateway.wait_state(SessionState.BROKER_LOST)
    simulator.control("1101")
    gateway.wait_ready()
    wait_until_tables_agree(simulator)
    wait_for(lambda: subscriptions(simulator, 1) == ["pnl"], what="one profit stream")
    simulator.control("trade QQQ BUY 5")
    wait_until_tables_agree(simulator)


def subscriptions(simulator: SimulatorProcess, client_id: int) -> list[str]:
    clients = simulator.control("status")["clients"]
    found = next((client["subscriptions"] for client in clients if client["client_id"] == client_id), [])
    return sorted(name.rsplit(" ", 1)[0] for name in found)


def test_broken_farm_degrades_until_it_is_mended(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    for broken, mended in ((2103, 2104), (2105, 2106), (2157, 2158)):
        simulator.control(f"farm {broken}")
        assert "broken data farms" in gateway.wait_state(SessionState.DATA_DEGRADED).reason
        simulator.control(f"farm {mended}")
        gateway.wait_ready()


def test_competing_session_ends_when_live_data_is_back(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    gateway.do(lambda: setattr(gateway.gateway.competition, "_pause", 0.5))
    spy = Instrument.objects.get(symbol="SPY", sec_type="STK").con_id
    simulator.control("fail reqMktData 10197 2")
    answer = broker.ask(RequestKind.QUOTES, {"con_ids": [spy]})
    assert isinstance(answer, Known) and "10197" in answer.value[0]["note"]
    row = gateway.wait_state(SessionState.COMPETING_SESSION)
    assert "10197" in row.reason and "Log the other session" in row.reason
    gateway.wait_ready()


def test_competing_session_without_a_contract_blocks(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("error 10197 No market data during competing live session")
    gateway.wait_state(SessionState.COMPETING_SESSION)


def test_gateway_that_lost_its_lock_to_another_gives_up(simulator: SimulatorProcess) -> None:
    gateway = RunningGateway(config_for(simulator.port))
    gateway.start()
    try:
        gateway.wait_ready()
        with psycopg.connect(conninfo(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", other.execute(LOCK_HOLDER).fetchone())
            wait_for(lambda: other.execute("SELECT pg_try_advisory_lock(%s)", [lock.KEY]).fetchone() == (True,))
            wait_for(lambda: gateway.error, seconds=15)
            assert isinstance(gateway.error, SecondGatewayError)
            assert GatewaySession.objects.get().state == SessionState.DISCONNECTED
    finally:
        gateway.stop()


def test_gateway_takes_its_lost_lock_again(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    with psycopg.connect(conninfo(), autocommit=True) as other:
        before = other.execute(LOCK_HOLDER).fetchone()
        other.execute("SELECT pg_terminate_backend(%s)", before)
        wait_for(lambda: other.execute(LOCK_HOLDER).fetchone() not in (None, before))
    assert gateway.error is None
    gateway.wait_ready()


@pytest.mark.mission(99)
def test_client_id_in_use_is_reported_with_a_remedy(simulator: SimulatorProcess) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_CLIENT, str(simulator.port)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert other.stdout is not None and other.stdin is not None
    assert other.stdout.readline() == b"connected\n"
    try:
        with running(simulator, ready=False) as gateway:
            row = gateway.wait_state(SessionState.DISCONNECTED)
            assert "Client id 1 is in use" in row.reason and "IBKR_CLIENT_ID" in row.reason
            clients = [client["client_id"] for client in simulator.control("status")["clients"]]
            assert clients == [1], "no other trading id may be tried"
            other.stdin.close()
            gateway.wait_ready(seconds=20)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


OTHER_CLIENT = """
import sys
from ib_async import IB
ib = IB()
ib.connect("127.0.0.1", int(sys.argv[1]), clientId=1)
print("connected", flush=True)
sys.stdin.read()
ib.disconnect()
"""


def test_lost_connection_inside_the_restart_window_is_expected(simulator: SimulatorProcess) -> None:
    now = datetime.now(UTC)
    window = RestartWindow((now - timedelta(minutes=1)).time(), (now + timedelta(minutes=1)).time())
    with running(simulator, restarts=RestartCalendar((window,))) as gateway:
        simulator.control("restart 1")
        gateway.wait_state(SessionState.PLANNED_RESTART)
        gateway.wait_ready()
        levels = Event.objects.filter(step="Session", data__to="planned-restart").values_list("level", flat=True)
        assert list(levels) == ["INFO"]


def test_margin_warning_halts_entries_until_a_person_resumes(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    entry = wait_state(give(simulator), OrderState.WORKING, seconds=30)
    stop = wait_state(
        give(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE),
        OrderState.WORKING,
        seconds=30,
    )
    simulator.control("error 2148 Margin deficiency: positions will be liquidated")
    event = wait_for(lambda: Event.objects.filter(step="Margin").first())
    assert event.level == "ERROR" and event.data["code"] == 2148
    wait_state(entry, OrderState.CANCELLED, seconds=30)
    assert state(stop) == OrderState.WORKING
    wait_for(lambda: EmergencyRun.objects.filter(came_by="broker", state=EmergencyState.DONE).exists())
    held = TradingState.objects.get()
    assert (held.source, held.permission, held.ending) == ("broker", "halted", "person")
    incident = Incident.objects.get(key="margin-warning")
    assert incident.severity == "critical" and "liquidated (IBKR 2148)" in incident.detail
    wait_state(give(simulator), OrderState.DENIED, seconds=30)
    simulator.control("error 2148 Margin deficiency: again")
    wait_for(lambda: Incident.objects.get(key="margin-warning").count == 2)
    assert EmergencyRun.objects.count() == 1


def test_message_that_cannot_be_decoded_is_counted_and_everything_is_asked_again(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    before = GatewaySession.objects.get().synchronised_at
    gateway.do(lambda: logging.getLogger("ib_async.Decoder").error("Error handling fields: %s", ["61", "x"]))
    wait_for(lambda: GatewaySession.objects.get().decode_errors == 1, seconds=30)
    wait_for(lambda: GatewaySession.objects.get().synchronised_at != before, seconds=30)
    gateway.wait_ready(seconds=30)


def test_reconnects_leave_one_handler(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    for round in range(8):
        simulator.control("drop all")
        wait_for(lambda round=round: GatewaySession.objects.get().epoch >= round + 2, seconds=15)
        gateway.wait_ready(seconds=15)
    simulator.control("trade QQQ BUY 3")
    wait_until_tables_agree(simulator)
    assert len(shown_positions()) == 11
    assert simulator.control("status")["connections"] == 2


def test_failed_synchronisation_changes_nothing(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    before = shown_positions()
    gateway.do(lambda: setattr(sys.modules["apps.broker.gateway.synchroniser"], "ANSWER_SECONDS", 0.5))
    try:
        simulator.control("mute reqExecutions 3")
        simulator.control("1100")
        gateway.wait_state(SessionState.BROKER_LOST)
        simulator.control("trade QQQ BUY 3")
        simulator.control("1102")
        row = wait_for(lambda: GatewaySession.objects.filter(state=SessionState.RECONCILING).exclude(reason="").first())
        assert "incomplete" in row.reason
        assert set(before) <= set(shown_positions())
        gateway.wait_ready(seconds=20)
        wait_until_tables_agree(simulator)
    finally:
        gateway.do(lambda: setattr(sys.modules["apps.broker.gateway.synchroniser"], "ANSWER_SECONDS", 10.0))


def test_stale_heartbeat_means_nobody_knows(gateway: RunningGateway) -> None:
    view = selectors.session(now=datetime.now(UTC) + timedelta(seconds=11))
    assert (view.state, view.running) == (SessionState.DISCONNECTED, False)
    assert "gateway not running" in view.reason


def test_unmodified_library_still_connects_beside_the_gateway(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    async def look() -> int:
        ib = IB()
        await ib.connectAsync("127.0.0.1", simulator.port, clientId=77, timeout=10)
        try:
            return len(ib.positions())
        finally:
            ib.disconnect()

    assert gateway.run(look) == len(shown_positions())
