"""What the broker says is in the tables soon after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from ib_async import LimitOrder, Order, Stock

from apps.broker import services as broker
from apps.broker.choices import RequestKind
from apps.broker.gateway import equity
from apps.broker.models import (
    Account,
    AccountPnl,
    BrokerOrder,
    Commission,
    EquityPoint,
    Execution,
    Instrument,
    Position,
)
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import ACCOUNT, RunningGateway, running, wait_until_tables_agree
from tests.waiting import wait_for
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db(transaction=True)

# The design says 250 ms; a loaded test machine gets more.
SOON = 1.0


def position(symbol: str = "QQQ") -> Position | None:
    return Position.objects.filter(instrument__symbol=symbol, instrument__sec_type="STK").first()


def held(symbol: str = "QQQ") -> Decimal:
    row = position(symbol)
    return row.quantity if row else Decimal(0)


def price() -> Decimal | None:
    row = position()
    return row.market_price if row else None


def seconds_until(look: Callable[[], object]) -> float:
    begun = time.monotonic()
    wait_for(look, seconds=10)
    return time.monotonic() - begun


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[RunningGateway]:
    with running(simulator, client_id=0) as gateway:
        yield gateway


def test_login_fills_the_tables(simulator: SimulatorProcess) -> None:
    simulator.control("trade QQQ BUY 100")
    simulator.control("order IWM BUY 10 1")
    with running(simulator) as gateway:
        session = gateway.wait_ready()
        wait_until_tables_agree(simulator)
        account = Account.objects.get(code=ACCOUNT)
        assert session.trading_link_up and session.data_link_up and session.epoch == 1
        assert account.base_currency == "USD"
        assert account.values.filter(tag="NetLiquidation", currency="USD").exists()
        assert held() == 100
        assert Commission.objects.get().amount > 0
        # It came and went before the login.
        assert not BrokerOrder.objects.get(instrument__symbol="QQQ").is_open


@pytest.mark.alone
def test_position_and_execution_arrive_soon(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade QQQ BUY 10")
    taken = {
        "execution": seconds_until(lambda: Execution.objects.filter(instrument__symbol="QQQ").exists()),
        "commission": seconds_until(lambda: Commission.objects.exists()),
        "position": seconds_until(lambda: held() == 10),
        "price": seconds_until(lambda: price() is not None),
    }
    print({name: f"{1000 * value:.0f} ms" for name, value in taken.items()})
    assert sum(taken.values()) < SOON
    execution = Execution.objects.get()
    assert (execution.quantity, execution.side, execution.revision, execution.is_current) == (10, "BUY", 1, True)
    assert execution.commission.realized_pnl is None


@pytest.mark.alone
def test_order_and_its_cancellation_arrive_soon(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    perm_id = simulator.control("order QQQ BUY 10 1")["perm_id"]
    shown = seconds_until(lambda: BrokerOrder.objects.filter(perm_id=perm_id, is_open=True).exists())
    simulator.control(f"cancel {perm_id}")
    closed = seconds_until(lambda: BrokerOrder.objects.filter(perm_id=perm_id, is_open=False).exists())
    print(f"order {1000 * shown:.0f} ms, cancellation {1000 * closed:.0f} ms")
    assert shown < SOON and closed < SOON
    order = BrokerOrder.objects.get(perm_id=perm_id)
    assert (order.status, order.limit_price, order.quantity) == ("Cancelled", 1, 10)


def test_market_moves_profit(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade QQQ BUY 10")
    wait_for(lambda: AccountPnl.objects.filter(unrealized__isnull=False).exists())
    before = AccountPnl.objects.get().unrealized
    simulator.control("price QQQ 900")
    simulator.control("tick 5")
    taken = seconds_until(lambda: AccountPnl.objects.get().unrealized != before)
    print(f"profit {1000 * taken:.0f} ms")
    assert taken < 3 * SOON


def test_sold_position_stays_as_zero(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade QQQ BUY 10")
    wait_for(lambda: held() == 10)
    simulator.control("trade QQQ SELL 10")
    wait_for(lambda: held() == 0)
    wait_for(lambda: Commission.objects.filter(realized_pnl__isnull=False).exists())
    row = position()
    assert row is not None and row.market_value == 0


def test_instrument_details_are_fetched(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    wait_for(lambda: not Instrument.objects.filter(min_tick=None).exists(), seconds=20)
    spy = Instrument.objects.get(symbol="SPY", sec_type="STK")
    assert spy.long_name and spy.time_zone and spy.price_magnifier == 1
    options = Instrument.objects.filter(sec_type="OPT")
    assert set(options.values_list("under_sec_type", flat=True)) == {"STK"}, "what decides how an option is settled"
    assert options.exists() and not options.filter(under_con_id=None).exists()
    london = Instrument.objects.filter(symbol="SXLK").first()
    assert london is not None and london.time_zone == "GB"


def test_duplicate_execution_is_stored_once(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade QQQ BUY 10")
    wait_for(lambda: Commission.objects.count() == 1)
    simulator.control("dup-exec")
    simulator.control("trade IWM BUY 10")
    wait_for(lambda: Commission.objects.count() == 2)
    assert Execution.objects.count() == 2


def test_corrected_execution_supersedes(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade QQQ BUY 10")
    wait_for(lambda: Execution.objects.count() == 1)
    first = Execution.objects.get()
    simulator.control(f"correct-exec {first.exec_id} 499.5")
    wait_for(lambda: Execution.objects.count() == 2)
    second = Execution.objects.exclude(id=first.id).get()
    first.refresh_from_db()
    assert (first.is_current, second.is_current) == (False, True)
    assert second.exec_key == first.exec_key and second.revision == first.revision + 1
    assert second.price == Decimal("499.5")


def test_trade_of_another_client_is_found_without_being_told(simulator: SimulatorProcess) -> None:
    """Executions of other clients are not sent to us; the change of the position makes the gateway look."""
    with running(simulator, client_id=5):
        simulator.control("trade QQQ BUY 5")
        taken = seconds_until(lambda: Execution.objects.exists())
        print(f"foreign execution {1000 * taken:.0f} ms")
        wait_until_tables_agree(simulator)


def test_equity_is_sampled(simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equity, "SAMPLE_SECONDS", 0.2)
    with running(simulator):
        wait_for(lambda: EquityPoint.objects.filter(daily_pnl__isnull=False).count() >= 3)
    point = EquityPoint.objects.latest("at")
    assert 900_000 < point.net_liquidation < 1_100_000 and point.currency == "USD"
    assert point.cash is not None and point.account.code == ACCOUNT


def test_every_account_of_the_login_is_mirrored() -> None:
    with SimulatorProcess("--accounts", "DU1,DU2") as simulator, running(simulator, account="DU1") as gateway:
        gateway.wait_ready()
        wait_until_tables_agree(simulator)
        for code in ("DU1", "DU2"):
            account = Account.objects.get(code=code)
            assert account.values.filter(tag="NetLiquidation", currency="USD").exists()
            assert account.positions.exclude(quantity=0).exists()
        wait_for(lambda: AccountPnl.objects.count() == 2)
        simulator.control("1100")
        simulator.control("1102")
        wait_for(lambda: gateway.do(lambda: gateway.gateway.keeper.sendable))
        wait_until_tables_agree(simulator)


def place(gateway: RunningGateway, order: Order) -> int:
    """Send an order over the trading link; returns its order id."""

    async def send() -> int:
        ib = gateway.gateway.trading.connection()
        trade = ib.placeOrder(Stock("QQQ", "SMART", "USD"), order)
        return trade.order.orderId

    return gateway.run(send)


def test_refused_order_keeps_the_brokers_reason(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        simulator.control("reject 1 201 Order rejected - reason:No trading permission")
        place(gateway, LimitOrder("BUY", 10, 1, orderRef="my-reference", tif="DAY"))
        order = wait_for(lambda: BrokerOrder.objects.exclude(reason="").first())
        assert (order.is_open, order.order_ref) == (False, "my-reference")
        assert "No trading permission (IBKR 201)" in order.reason


def test_own_fills_arrive_with_their_reference(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        order_id = place(gateway, LimitOrder("BUY", 10, 1, orderRef="my-reference", tif="DAY"))
        wait_for(lambda: BrokerOrder.objects.filter(order_ref="my-reference", is_open=True).exists())
        simulator.control(f"fill 1 {order_id} 4 1")
        partly = wait_for(lambda: BrokerOrder.objects.filter(filled=4, remaining=6, is_open=True).first())
        assert partly.average_fill_price == 1
        simulator.control(f"fill 1 {order_id} 6 1")
        done = wait_for(lambda: BrokerOrder.objects.filter(filled=10, is_open=False, status="Filled").first())
        wait_for(lambda: Execution.objects.filter(order_ref="my-reference", perm_id=done.perm_id).count() == 2)
        wait_until_tables_agree(simulator)


def test_order_held_back_is_open_in_the_tables_and_in_a_live_read(simulator: SimulatorProcess) -> None:
    """It says Inactive as a refused one does, but the broker lists it as open."""
    with running(simulator) as gateway:
        place(gateway, LimitOrder("BUY", 10, 1, orderRef="held", tif="DAY", transmit=False))
        gateway.do(gateway.gateway.synchroniser.look_soon)
        held = wait_for(lambda: BrokerOrder.objects.filter(order_ref="held", is_open=True, status="Inactive").first())
        answer = broker.ask(RequestKind.OPEN_ORDERS, {"account": ACCOUNT, "fresh": True})
        assert isinstance(answer, Known)
        (row,) = answer.value
        assert (row["perm_id"], row["con_id"], row["status"]) == (held.perm_id, held.instrument.con_id, "Inactive")


def test_error_that_cancels_nothing_leaves_the_order_open(simulator: SimulatorProcess) -> None:
    """A refused change: the library calls the order cancelled, the broker still works it."""
    with running(simulator) as gateway:
        place(gateway, LimitOrder("BUY", 10, 1, orderRef="my-reference", tif="DAY"))
        wait_for(lambda: BrokerOrder.objects.filter(order_ref="my-reference", is_open=True).exists())
        simulator.control("fail placeOrder 10349 1")

        async def change() -> None:
            ib = gateway.gateway.trading.connection()
            [trade] = ib.openTrades()
            trade.order.lmtPrice = 2
            ib.placeOrder(trade.contract, trade.order)

        gateway.run(change)
        order = wait_for(lambda: BrokerOrder.objects.filter(reason__contains="10349").first())
        assert order.is_open and order.status == "Submitted"


def test_children_know_their_parent(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:

        async def send() -> None:
            ib = gateway.gateway.trading.connection()
            for order in ib.bracketOrder("BUY", 10, 1, 2, 0.5, tif="DAY"):
                ib.placeOrder(Stock("QQQ", "SMART", "USD"), order)

        gateway.run(send)
        wait_for(lambda: BrokerOrder.objects.filter(is_open=True).count() == 3)
        parent = BrokerOrder.objects.get(side="BUY")
        wait_for(lambda: BrokerOrder.objects.filter(parent_perm_id=parent.perm_id).count() == 2)
