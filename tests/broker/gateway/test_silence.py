"""A feed that delivers only old prices is noticed, though everything seems connected."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, RequestKind, SessionState, Side
from apps.broker.gateway import lines, pulse, silence
from apps.broker.models import Instrument
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import give, state, wait_state
from tests.broker.gateway.running import RunningGateway, running, shown_positions, true_positions
from tests.waiting import wait_for
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db(transaction=True)

asked_whether_open: list[str] = []


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day's market is open, and seconds stand for minutes."""
    asked_whether_open.clear()
    monkeypatch.setattr(pulse, "LIVELY_TICKS", 5)
    monkeypatch.setattr(pulse, "FIRST_VALUES_SECONDS", 0.5)
    monkeypatch.setattr(silence, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(silence, "SILENT_FEED_SECONDS", 3.0)
    monkeypatch.setattr(silence, "ASK_AGAIN_SECONDS", 2.0)
    monkeypatch.setattr(silence, "HOLD_SECONDS", 1.5)
    market_is(monkeypatch, is_open=True)


def market_is(monkeypatch: pytest.MonkeyPatch, *, is_open: bool) -> None:
    async def answer(calendar: str) -> bool:
        asked_whether_open.append(calendar)
        return is_open

    monkeypatch.setattr(silence, "is_open", answer)


def lively(gateway: RunningGateway) -> list[int]:
    watched = gateway.do(lambda: gateway.gateway.silence._by_calendar().get("XNYS", []))
    return [contract.conId for contract in watched if gateway.gateway.lines.pulse.is_lively(contract.conId)]


def subscriptions(simulator: SimulatorProcess) -> int:
    return sum(row["type"] == "reqMktData" for row in simulator.control("log 4000 1001")["messages"])


def asked_price(symbol: str) -> Decimal:
    con_id = Instrument.objects.get(symbol=symbol, sec_type="STK").con_id
    answer = broker.ask(RequestKind.QUOTES, {"con_ids": [con_id], "fresh": True})
    assert isinstance(answer, Known) and answer.value[0]["price_source"] == "market", answer
    return Decimal(answer.value[0]["price"])


def test_silent_feed_holds_entries_back_until_prices_move_again_and_lets_closing_go() -> None:
    with SimulatorProcess(tick_interval=0.1) as simulator, running(simulator) as gateway:
        wait_for(lambda: shown_positions() == true_positions(simulator))
        wait_for(lambda: len(lively(gateway)) >= silence.FEWEST_LINES, seconds=60)
        simulator.control("freeze-data on")
        before = asked_price("SPY")
        row = gateway.wait_state(SessionState.DATA_DEGRADED, seconds=60)
        assert row.reason.startswith("No price has moved for 3 s on ") and "XNYS" in row.reason
        simulator.control("price SPY 100")
        assert asked_price("SPY") == before > 200, "a new subscription gets the old price, stamped now"
        entry = give(simulator)
        closing: dict[str, Any] = {"side": Side.SELL, "quantity": Decimal(1), "purpose": OrderPurpose.FLATTEN}
        flat = give(simulator, "AAPL", order_type=OrderType.MARKET, **closing)
        wait_state(flat, OrderState.FILLED, seconds=60)
        asked = subscriptions(simulator)
        wait_for(lambda: subscriptions(simulator) >= asked + 2 * silence.FEWEST_LINES, what="asked anew, twice")
        assert state(entry) == OrderState.APPROVED
        assert gateway.wait_state(SessionState.DATA_DEGRADED).reason == row.reason
        simulator.control("freeze-data off")
        wait_state(entry, OrderState.WORKING, seconds=60)


def test_feed_is_heard_again_though_everything_was_sold_meanwhile() -> None:
    with SimulatorProcess(tick_interval=0.1) as simulator, running(simulator) as gateway:
        wait_for(lambda: len(lively(gateway)) >= silence.FEWEST_LINES, seconds=60)
        simulator.control("freeze-data on")
        gateway.wait_state(SessionState.DATA_DEGRADED, seconds=60)
        for (_, con_id), quantity in true_positions(simulator).items():
            simulator.control(f"trade {con_id} {'SELL' if quantity > 0 else 'BUY'} {abs(quantity):f}")
        wait_for(lambda: not shown_positions() and not gateway.do(gateway.gateway.lines.kept_live), seconds=60)
        gateway.wait_state(SessionState.DATA_DEGRADED)
        simulator.control("freeze-data off")
        gateway.wait_ready(60)


def test_closed_market_may_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    market_is(monkeypatch, is_open=False)
    with SimulatorProcess(tick_interval=0.1) as simulator, running(simulator) as gateway:
        wait_for(lambda: len(lively(gateway)) >= silence.FEWEST_LINES, seconds=60)
        simulator.control("freeze-data on")
        wait_for(lambda: len(asked_whether_open) >= 2, seconds=60)
        assert gateway.do(lambda: gateway.gateway.keeper.verdict.state) is SessionState.READY


def test_market_that_hardly_ever_moved_is_not_waited_for(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        wait_for(lambda: len(gateway.do(gateway.gateway.lines.kept_live)) == 10, seconds=60)
        watch = gateway.gateway.silence
        looked_at = gateway.do(lambda: watch._looked_at)
        wait_for(lambda: gateway.do(lambda: watch._looked_at) > looked_at + 2 * silence.SILENT_FEED_SECONDS)
        assert not asked_whether_open and not gateway.do(lambda: dict(watch._quiet))
        assert gateway.do(lambda: gateway.gateway.keeper.verdict.state) is SessionState.READY


@pytest.mark.parametrize(("broken", "mended"), [(2103, 2104), (2105, 2106), (2157, 2158)])
def test_kept_line_that_stays_silent_after_a_farm_came_back_is_asked_for_anew(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch, broken: int, mended: int
) -> None:
    monkeypatch.setattr(lines, "SILENT_SECONDS", 1.0)
    with running(simulator) as gateway:
        held = len(shown_positions())
        wait_for(lambda: len(gateway.do(gateway.gateway.lines.kept_live)) == held, seconds=60)
        before = subscriptions(simulator)
        # It was not broken: each login hears this.
        simulator.control(f"farm {mended}")
        simulator.control(f"farm {broken}")
        gateway.wait_state(SessionState.DATA_DEGRADED, seconds=30)
        assert not gateway.do(lambda: gateway.gateway.lines._mends_farm(mended, "another farm is OK:euhmds"))
        assert subscriptions(simulator) == before
        simulator.control(f"farm {mended}")
        wait_for(lambda: subscriptions(simulator) >= before + held, seconds=60)
        wait_for(lambda: len(gateway.do(gateway.gateway.lines.kept_live)) == held, seconds=60)


def test_calendar_is_asked_about_the_whole_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A market that has only just opened had no time to tick."""
    monkeypatch.setattr(silence, "SILENT_FEED_SECONDS", 60.0)

    def was_open(minute: int, second: int) -> bool:
        monkeypatch.setattr(silence.clock, "now", lambda: datetime(2026, 3, 2, 14, minute, second, tzinfo=UTC))
        return silence._was_open("XNYS")

    assert [was_open(29, 59), was_open(30, 30), was_open(31, 0)] == [False, False, True]
    assert not silence._was_open("no such calendar")
