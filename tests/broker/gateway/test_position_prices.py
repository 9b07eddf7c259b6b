"""Positions follow the market, not the broker's three-minute statement of the portfolio."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.broker import services as broker
from apps.broker.choices import RequestKind, SessionState
from apps.broker.gateway import lines
from apps.broker.models import Position
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.processes import gateway_process
from tests.broker.gateway.running import RunningGateway, running, shown_positions
from tests.waiting import wait_for
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 2.0
PENCE_LINE = 205116901  # SXLK in London, quoted in pence


def held(con_id: int) -> Position:
    return Position.objects.select_related("instrument").get(instrument__con_id=con_id)


def stock(symbol: str) -> Position:
    return Position.objects.select_related("instrument").get(instrument__symbol=symbol, instrument__sec_type="STK")


def sources() -> set[str]:
    return set(Position.objects.exclude(quantity=0).values_list("price_source", flat=True))


def wait_for_sources(*expected: str, seconds: float = 10.0) -> None:
    wait_for(lambda: sources() == set(expected), seconds=seconds, what=f"price sources {expected}")


def held_lines(gateway: RunningGateway) -> set[int]:
    return gateway.do(lambda: set(gateway.gateway.lines._kept))


def quotes(con_ids: list[int], *, timeout: float = 8.0) -> list[dict[str, Any]]:
    answer = broker.ask(RequestKind.QUOTES, {"con_ids": con_ids}, timeout=timeout)
    assert isinstance(answer, Known), answer
    rows: list[dict[str, Any]] = answer.value
    return rows


def options(symbol: str, count: int) -> list[int]:
    query = {"symbol": symbol, "sec_type": "STK", "exchange": "SMART", "currency": "USD"}
    stock = broker.ask(RequestKind.CONTRACT_DETAILS, {"query": query})
    assert isinstance(stock, Known)
    chains = broker.ask(RequestKind.OPTION_CHAIN, {"con_id": stock.value[0]["con_id"]})
    assert isinstance(chains, Known)
    expiry = next(chain["expirations"][3] for chain in chains.value if chain["exchange"] == "SMART")
    found = broker.ask(
        RequestKind.CONTRACT_DETAILS, {"query": query | {"sec_type": "OPT", "expires_on": expiry}}, timeout=20
    )
    assert isinstance(found, Known)
    middle = len(found.value) // 2
    return [item["con_id"] for item in found.value[middle : middle + count]]


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[RunningGateway]:
    with running(simulator) as gateway:
        wait_for_sources("market")
        yield gateway


def test_moved_price_reaches_the_position(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    before = stock("AAPL").market_price
    moved = simulator.control("price AAPL 300")
    begun = time.monotonic()
    wait_for(lambda: stock("AAPL").market_price != before)
    taken = time.monotonic() - begun
    print(f"price {1000 * taken:.0f} ms")
    assert taken < SOON
    row = stock("AAPL")
    assert row.price_source == "market" and row.market_price is not None and row.priced_at is not None
    assert Decimal(str(moved["bid"])) <= row.market_price <= Decimal(str(moved["ask"]))
    assert row.market_value == round(row.quantity * row.market_price, 4)
    assert row.unrealized_pnl == round(row.market_value - row.quantity * row.average_cost, 4)


def test_short_option_is_valued_with_its_multiplier(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    put = Position.objects.select_related("instrument").get(instrument__symbol="AAPL", instrument__sec_type="OPT")
    before = put.market_price
    simulator.control("price AAPL 180")
    wait_for(lambda: held(put.instrument.con_id).market_price != before, seconds=SOON)
    row = held(put.instrument.con_id)
    assert row.quantity < 0 and row.market_price is not None and row.market_value is not None
    assert row.market_value == round(row.quantity * row.market_price * 100, 4)
    assert row.unrealized_pnl == round(row.market_value - row.quantity * row.average_cost, 4) and row.unrealized_pnl < 0


def test_pence_line_is_worth_pounds(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control(f"trade {PENCE_LINE} BUY 10")
    wait_for(lambda: Position.objects.filter(instrument__con_id=PENCE_LINE, price_source="market").exists())
    row = held(PENCE_LINE)
    assert row.instrument.currency == "GBP" and row.market_price is not None and row.market_value is not None
    assert row.market_price > 10_000
    assert row.market_value == round(row.market_price / 10, 4)
    assert row.unrealized_pnl is not None and abs(row.unrealized_pnl) < row.market_value / 50


def test_portfolio_statement_does_not_replace_a_fresher_price(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    gateway.do(lambda: gateway.gateway.synchroniser.resynchronise())
    synchronised_at = gateway.do(lambda: gateway.gateway.synchroniser.synchronised_at)
    wait_for(lambda: gateway.do(lambda: gateway.gateway.synchroniser.synchronised_at) != synchronised_at)
    gateway.wait_ready()
    simulator.control("price MSFT 555")
    wait_for(lambda: 550 < (stock("MSFT").market_price or 0) < 560, seconds=SOON)
    assert sources() == {"market"}


def test_delayed_prices_are_shown_and_given_to_who_asks(simulator: SimulatorProcess) -> None:
    simulator.control("entitle delayed")
    with running(simulator) as gateway:
        wait_for_sources("delayed")
        simulator.control("price MSFT 555")
        wait_for(lambda: 550 < (stock("MSFT").market_price or 0) < 560, seconds=SOON)
        lines = held_lines(gateway)
        begun = time.monotonic()
        rows = quotes(sorted(lines))
        print(f"{len(rows)} held quotes in {1000 * (time.monotonic() - begun):.0f} ms")
        assert {(row["price_source"], row["market_data_type"]) for row in rows} == {("delayed", 3)}
        assert all("No live market data permission" in row["note"] for row in rows)
        assert held_lines(gateway) == lines


def test_without_permission_the_brokers_valuation_stays(simulator: SimulatorProcess) -> None:
    simulator.control("entitle none")
    with running(simulator) as gateway:
        wait_for_sources("portfolio")
        wait_for(lambda: len(gateway.do(lambda: gateway.gateway.position_prices._paused_until)) == 10)
        wait_for(lambda: simulator.control("status")["lines"] == 0)
        assert sources() == {"portfolio"}
        simulator.control("entitle live")
        [row] = quotes([stock("SPY").instrument.con_id])
        assert row["price_source"] == "market"


@pytest.mark.parametrize("fault", ["drop all", "restart 1"])
def test_prices_flow_again_after_a_lost_link(simulator: SimulatorProcess, gateway: RunningGateway, fault: str) -> None:
    simulator.control(fault)
    wait_for(lambda: not held_lines(gateway))
    gateway.wait_ready()
    wait_for(lambda: len(held_lines(gateway)) == 10)
    simulator.control("price MSFT 555")
    wait_for(lambda: 550 < (stock("MSFT").market_price or 0) < 560, seconds=SOON)
    assert simulator.control("status")["lines"] == 10


def test_prices_flow_again_after_1101(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("1100")
    gateway.wait_state(SessionState.BROKER_LOST)
    simulator.control("1101")
    gateway.wait_ready()
    wait_for(lambda: simulator.control("status")["lines"] == 10)
    simulator.control("price MSFT 555")
    wait_for(lambda: 550 < (stock("MSFT").market_price or 0) < 560, seconds=SOON)


def test_closed_position_gives_its_line_back(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    row = stock("XLE")
    assert row.instrument.con_id in held_lines(gateway)
    simulator.control(f"trade XLE SELL {row.quantity:f}")
    wait_for(lambda: row.instrument.con_id not in held_lines(gateway))
    wait_for(lambda: simulator.control("status")["lines"] == 9)
    closed = wait_for(lambda: next((row for row in [held(row.instrument.con_id)] if not row.quantity), None))
    assert not closed.unrealized_pnl and closed.market_value == 0
    simulator.control("trade QQQ BUY 10")
    wait_for(lambda: len(held_lines(gateway)) == 10)
    wait_for(lambda: stock("QQQ").price_source == "market")


def test_kept_line_that_stays_silent_after_the_broker_came_back_is_asked_for_anew(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "SILENT_SECONDS", 1.0)

    def asked() -> int:
        return sum(row["type"] == "reqMktData" for row in simulator.control("log 2000 1001")["messages"])

    with running(simulator) as gateway:
        held = len(shown_positions())
        wait_for(lambda: len(held_lines(gateway)) == held == simulator.control("status")["lines"], seconds=60)
        before = asked()
        simulator.control("1100")
        gateway.wait_state(SessionState.BROKER_LOST, seconds=30)
        simulator.control("1102")
        wait_for(lambda: asked() >= before + held, seconds=60)
        wait_for(lambda: len(held_lines(gateway)) == held == simulator.control("status")["lines"], seconds=60)


def test_requests_come_first_when_lines_are_scarce() -> None:
    """Four lines, one of which is left to people in TWS: one is kept for the largest of ten positions."""
    with SimulatorProcess("--lines", "4") as simulator, running(simulator, market_data_lines=4) as gateway:
        wait_for(lambda: len(held_lines(gateway)) == 1)
        wait_for_sources("market", "portfolio")
        largest = max(Position.objects.all(), key=lambda row: abs(float(row.market_value or 0)))
        assert held_lines(gateway) == {largest.instrument.con_id} and largest.price_source == "market"
        wanted = options("SPY", 10)
        begun = time.monotonic()
        rows = quotes(wanted, timeout=15)
        print(f"10 options through 3 lines in {time.monotonic() - begun:.1f} s")
        assert [row["con_id"] for row in rows] == wanted and {row["price_source"] for row in rows} == {"market"}
        assert gateway.do(lambda: gateway.gateway.lines.most_used) <= 3
        wait_for(lambda: held_lines(gateway) == {largest.instrument.con_id})
        simulator.wait_until("status", "lines", 1)


def test_a_request_for_another_kind_of_data_does_not_wait_for_ever(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    """A live line that has no price yet would keep delayed ones from being asked for."""
    row = stock("SPY")
    simulator.control("entitle none SPY")
    line = gateway.do(lambda: gateway.gateway.lines.kept(row.instrument.con_id))
    assert line is not None
    gateway.do(lambda: line.refuse(10197, "competing"))
    begun = time.monotonic()
    [quote] = quotes([row.instrument.con_id])
    assert quote["price"] is None and "No live market data permission" in quote["note"]
    assert time.monotonic() - begun < 5


def test_gateway_process_streams_with_little_cpu() -> None:
    """The market moves four times a second under ten positions."""
    with SimulatorProcess(tick_interval=0.25) as simulator, gateway_process(simulator.port) as process:
        wait_for(lambda: Position.objects.exists(), seconds=30)
        wait_for_sources("market", seconds=20)
        first = {row.pk: row.priced_at for row in Position.objects.all()}
        begun, used = time.monotonic(), cpu_seconds(process.pid)

        def still() -> list[Position]:
            rows = Position.objects.select_related("instrument")
            return [row for row in rows if row.priced_at is None or row.priced_at == first[row.pk]]

        wait_for(lambda: time.monotonic() - begun > 8)
        for symbol in {row.instrument.symbol for row in still()}:
            # What hardly trades may not tick for a minute.
            simulator.control(f"price {symbol} {1.01 * simulator.control(f'quote {symbol}')['quotes'][0]['last']}")
        wait_for(lambda: not still(), seconds=90, what="each line ticks")
        share = (cpu_seconds(process.pid) - used) / (time.monotonic() - begun)
        print(f"gateway {100 * share:.1f} % of one core")
        assert share < 0.25
        assert sources() == {"market"}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
