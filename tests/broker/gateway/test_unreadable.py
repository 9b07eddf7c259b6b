"""A message that nobody can read makes an answer incomplete: what is missing from it is unknown, not flat."""

from __future__ import annotations

import socketserver
import threading
from decimal import Decimal

import pytest

from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, EmergencyState, OrderState, RequestKind, Scope, SessionState
from apps.broker.gateway.orders import killing
from apps.broker.models import EmergencyRun, GatewaySession
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.ordering import at_broker, give, wait_state
from tests.broker.gateway.relay import relay
from tests.broker.gateway.running import ACCOUNT, running, shown_positions, wait_until_tables_agree
from tests.waiting import wait_for
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db(transaction=True)
ENDLESSLY = 1_000_000
DAMAGED = 5_000


def test_position_that_cannot_be_read_is_not_taken_for_closed(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        before = shown_positions()
        assert before
        simulator.control(f"garble POSITION {ENDLESSLY}")
        gateway.do(gateway.gateway.synchroniser.look_soon)
        row = gateway.wait_state(SessionState.RECONCILING, seconds=30)
        wait_for(lambda: "could not be read" in GatewaySession.objects.get().reason, seconds=30, what=row.reason)
        assert shown_positions() == before
        simulator.control("garble POSITION 0")
        gateway.wait_ready(seconds=60)
        assert shown_positions() == before


def questions_for_everything(simulator: SimulatorProcess) -> int:
    """Only a full synchronisation asks for the account's values."""
    return sum(row["type"] == "reqAccountUpdates" for row in simulator.control("log 2000 1")["messages"])


def test_position_that_cannot_be_kept_makes_the_answer_incomplete(simulator: SimulatorProcess) -> None:
    """Decoded by the library, refused by us: it has no number of a contract."""
    with running(simulator) as gateway:
        before, asked = GatewaySession.objects.get(), questions_for_everything(simulator)

        def hear() -> None:
            ib = gateway.gateway.trading.connection()
            ib.client.decoder.interpret(
                ["61", "3", ACCOUNT, "0", "XX", "STK", "", "0", "", "", "SMART", "USD", "XX", "XX", "5", "1"]
            )

        gateway.do(hear)
        wait_for(lambda: GatewaySession.objects.get().decode_errors == before.decode_errors + 1, seconds=30)
        wait_for(lambda: questions_for_everything(simulator) > asked, seconds=60)
        gateway.wait_ready(seconds=60)


def test_live_read_with_a_row_that_cannot_be_read_is_unknown(simulator: SimulatorProcess) -> None:
    with running(simulator):
        held = [row for row in simulator.control("positions")["positions"] if row["account"] == ACCOUNT]
        simulator.control("garble POSITION 1")
        unknown = broker.ask(RequestKind.POSITIONS, {"account": ACCOUNT, "fresh": True})
        assert isinstance(unknown, Unknown) and "could not be read" in unknown.reason
        known = broker.ask(RequestKind.POSITIONS, {"account": ACCOUNT, "fresh": True})
        assert isinstance(known, Known)
        assert {row["con_id"]: Decimal(row["position"]) for row in known.value} == {
            row["con_id"]: Decimal(row["quantity"]) for row in held
        }


def test_cancel_all_is_not_verified_by_a_list_that_cannot_be_read(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(killing, "ESCALATE_SECONDS", 2.0)
    with running(simulator) as gateway:
        entry = wait_state(give(simulator), OrderState.WORKING)
        for line in ("mute cancelOrder", "mute reqGlobalCancel", "garble OPEN_ORDER", "garble ORDER_STATUS"):
            simulator.control(f"{line} {ENDLESSLY}")
        action = EmergencyRun.objects.create(
            kind=EmergencyKind.CANCEL_ALL, scope=Scope.EVERYTHING, reason="test", actor="ann", came_by="api"
        )
        waiting = [EmergencyState.REQUESTED, EmergencyState.CANCELLING]
        wait_for(lambda: not EmergencyRun.objects.filter(pk=action.pk, state__in=waiting).exists(), seconds=30)
        action.refresh_from_db()
        assert action.state == EmergencyState.ESCALATED
        for line in ("mute cancelOrder", "mute reqGlobalCancel", "garble OPEN_ORDER", "garble ORDER_STATUS"):
            simulator.control(f"{line} 0")
        wait_for(lambda: EmergencyRun.objects.filter(pk=action.pk, state=EmergencyState.DONE).exists(), seconds=60)
        wait_state(entry, OrderState.CANCELLED, seconds=30)
        gateway.wait_ready(seconds=60)
        wait_until_tables_agree(simulator, seconds=30)


def test_thousands_of_damaged_messages_change_nothing_that_is_shown_and_stop_nothing(
    simulator: SimulatorProcess,
) -> None:
    """Cut, emptied, renumbered, or with a field that is no number, beside every true message of both links."""
    with relay(simulator.port, seed=20261130) as noisy, running(simulator, port=noisy.port) as gateway:
        before, held = GatewaySession.objects.get().decode_errors, shown_positions()
        assert held
        noisy.noise = 20

        def stir() -> bool:
            simulator.control("tick 5")
            return noisy.damaged > DAMAGED

        wait_for(stir, seconds=60, what="damaged messages")
        noisy.noise = 0
        wait_for(lambda: GatewaySession.objects.get().decode_errors - before > DAMAGED / 4, seconds=30)
        gateway.wait_ready(seconds=60)
        assert shown_positions() == held
        wait_until_tables_agree(simulator, seconds=30)
        order = wait_state(give(simulator), OrderState.WORKING)
        assert len(at_broker(simulator, order)) == 1


def test_message_announced_longer_than_any_ends_the_connection_at_once(simulator: SimulatorProcess) -> None:
    with relay(simulator.port, seed=1) as noisy, running(simulator, port=noisy.port) as gateway:
        noisy.raw = b"\x7f\xff\xff\xff" + b"x" * 100
        wait_for(lambda: Event.objects.filter(step="Session", message__contains="2,147,483,647 bytes").exists())
        gateway.wait_ready(seconds=60)
        wait_until_tables_agree(simulator)


def session_reason() -> str:
    return GatewaySession.objects.filter(id=GatewaySession.ONLY).values_list("reason", flat=True).first() or ""


class WebServer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        # Left open: that it is not TWS shows in its first bytes.
        self.request.recv(100)


def test_other_program_that_listens_on_the_port_is_told_at_once(simulator: SimulatorProcess) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), WebServer) as server:
        threading.Thread(target=server.serve_forever).start()
        with running(simulator, ready=False, port=server.server_address[1]):
            wait_for(lambda: "Check IBKR_HOST and IBKR_PORT" in session_reason(), seconds=5)
            assert "announced a message of 1,213,486,160 bytes" in session_reason()
        server.shutdown()
