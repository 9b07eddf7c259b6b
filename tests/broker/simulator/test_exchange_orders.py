"""What each type of order does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.broker.simulator.exchange import Condition

from .exchange_support import START, Floor


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.move("AAPL", 200.0)
    floor.heard.clear()
    return floor


def quote(floor: Floor, symbol: str = "AAPL"):
    return floor.market.quote(floor.contract(symbol).con_id)


def test_market_order_buys_at_the_ask_and_tells_in_order(floor: Floor) -> None:
    ask = quote(floor).ask

    order = floor.place(1, "BUY", 100, order_ref="uuid-1")

    assert (order.status, order.filled, order.average_fill_price) == ("Filled", Decimal(100), ask)
    assert floor.heard.events == [
        "openOrder",
        "status Submitted",
        "execution",
        "openOrder",
        "status Filled",
        "commission",
        "position",
        "account",
    ]
    assert floor.heard.executions[0].order_ref == "uuid-1"


def test_market_order_sells_at_the_bid(floor: Floor) -> None:
    bid = quote(floor).bid

    assert floor.place(1, "SELL", 100).average_fill_price == bid


def test_limit_order_rests_until_the_market_reaches_it(floor: Floor) -> None:
    order = floor.place(1, "BUY", 100, "LMT", limit_price=198.0)
    assert (order.status, order.filled) == ("Submitted", 0)

    floor.move("AAPL", 199.0)
    assert order.status == "Submitted"
    floor.move("AAPL", 197.5)

    assert order.status == "Filled"
    assert order.average_fill_price == quote(floor).ask <= 198.0


def test_marketable_limit_order_is_filled_at_the_market(floor: Floor) -> None:
    ask = quote(floor).ask

    assert floor.place(1, "BUY", 10, "LMT", limit_price=250.0).average_fill_price == ask


def test_stop_order_waits_for_its_trigger(floor: Floor) -> None:
    order = floor.place(1, "SELL", 100, "STP", aux_price=195.0)
    assert (order.status, order.why_held) == ("PreSubmitted", "trigger")

    floor.move("AAPL", 196.0)
    assert order.status == "PreSubmitted"
    floor.move("AAPL", 194.5)

    assert order.status == "Filled"
    assert order.average_fill_price == quote(floor).bid
    assert floor.heard.states(1) == ["PreSubmitted", "Submitted", "Filled"]


def test_buy_stop_triggers_upwards(floor: Floor) -> None:
    order = floor.place(1, "BUY", 100, "STP", aux_price=205.0)
    floor.move("AAPL", 204.0)
    assert order.status == "PreSubmitted"
    floor.move("AAPL", 205.5)
    assert order.status == "Filled"


def test_stop_limit_order_becomes_a_limit_order(floor: Floor) -> None:
    order = floor.place(1, "SELL", 100, "STP LMT", aux_price=195.0, limit_price=194.0)

    floor.move("AAPL", 190.0)
    assert (order.status, order.triggered) == ("Submitted", True)
    floor.move("AAPL", 194.5)

    assert order.status == "Filled"
    assert order.average_fill_price >= 194.0


def test_trailing_stop_follows_only_upwards(floor: Floor) -> None:
    order = floor.place(1, "SELL", 100, "TRAIL", aux_price=5.0)
    assert order.status == "PreSubmitted"

    floor.move("AAPL", 210.0)
    raised = order.trail_stop_price
    assert raised == pytest.approx(quote(floor).last - 5.0)
    floor.move("AAPL", 206.0)
    assert (order.trail_stop_price, order.status) == (raised, "PreSubmitted")
    floor.move("AAPL", 204.5)

    assert order.status == "Filled"


def test_trailing_percent_of_a_buy_follows_downwards(floor: Floor) -> None:
    order = floor.place(1, "BUY", 100, "TRAIL", trailing_percent=2.0)

    floor.move("AAPL", 190.0)
    assert order.trail_stop_price == pytest.approx(quote(floor).last * 1.02, abs=1e-3)
    floor.move("AAPL", 194.0)

    assert order.status == "Filled"


def test_trailing_stop_starts_from_the_price_given(floor: Floor) -> None:
    order = floor.place(1, "SELL", 10, "TRAIL", aux_price=5.0, trail_stop_price=199.0)
    assert order.trail_stop_price == 199.0
    floor.move("AAPL", 198.5)
    assert order.status == "Filled"


def test_trailing_limit_order_respects_its_limit(floor: Floor) -> None:
    order = floor.place(1, "SELL", 10, "TRAIL LIMIT", aux_price=5.0, limit_price_offset=0.5)
    stop = order.trail_stop_price

    floor.move("AAPL", 190.0)
    assert (order.status, order.triggered) == ("Submitted", True)
    floor.move("AAPL", stop + 1)

    assert order.average_fill_price >= stop - 0.5


@pytest.mark.parametrize(("kind", "more"), [("MIT", {}), ("LIT", {"limit_price": 195.0})])
def test_touched_order_triggers_on_the_favourable_side(floor: Floor, kind: str, more: dict[str, float]) -> None:
    order = floor.place(1, "BUY", 10, kind, aux_price=195.0, **more)
    floor.move("AAPL", 205.0)
    assert order.status == "PreSubmitted"
    floor.move("AAPL", 194.0)
    assert order.status == "Filled"


def test_midprice_order_is_filled_between_bid_and_ask(floor: Floor) -> None:
    now = quote(floor)
    order = floor.place(1, "BUY", 10, "MIDPRICE")
    assert now.bid <= order.average_fill_price <= now.ask


def test_midprice_order_respects_its_cap(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, "MIDPRICE", limit_price=150.0)
    assert (order.status, order.filled) == ("Submitted", 0)


def test_market_on_close_is_filled_at_the_close(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, "MOC")
    floor.tick()
    assert (order.status, order.filled) == ("Submitted", 0)

    floor.exchange.end_day()

    assert (order.status, order.average_fill_price) == ("Filled", quote(floor).last)


@pytest.mark.parametrize(("limit", "status"), [(250.0, "Filled"), (150.0, "Cancelled")])
def test_limit_on_close_trades_at_the_close_or_not_at_all(floor: Floor, limit: float, status: str) -> None:
    order = floor.place(1, "BUY", 10, "LOC", limit_price=limit)
    floor.exchange.end_day()
    assert order.status == status


def test_closing_orders_have_the_close_of_the_exchange(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, "MOC")
    assert order.auction_at == START.replace(hour=21, minute=0)


def test_immediate_or_cancel_keeps_nothing_open(floor: Floor) -> None:
    order = floor.place(1, "BUY", 100, "LMT", limit_price=150.0, tif="IOC")
    assert order.status == "Cancelled"
    assert floor.heard.codes() == [202]


def test_immediate_or_cancel_takes_what_it_gets(floor: Floor) -> None:
    floor.exchange.fill_chunk = 40
    order = floor.place(1, "BUY", 100, "LMT", limit_price=250.0, tif="IOC")
    assert (order.status, order.filled, order.remaining) == ("Cancelled", Decimal(40), Decimal(60))


@pytest.mark.parametrize(("chunk", "status", "filled"), [(None, "Filled", 100), (40, "Cancelled", 0)])
def test_fill_or_kill_is_all_or_nothing(floor: Floor, chunk: int | None, status: str, filled: int) -> None:
    floor.exchange.fill_chunk = chunk
    order = floor.place(1, "BUY", 100, "LMT", limit_price=250.0, tif="FOK")
    assert (order.status, order.filled) == (status, filled)


def test_partial_fills_average_their_prices(floor: Floor) -> None:
    floor.exchange.fill_chunk = 40
    order = floor.place(1, "BUY", 100)
    assert (order.status, order.filled, order.remaining) == ("Submitted", Decimal(40), Decimal(60))
    floor.move("AAPL", 210.0)
    floor.move("AAPL", 220.0)

    fills = floor.heard.executions
    assert [fill.shares for fill in fills] == [40, 40, 20]
    assert [fill.cumulative for fill in fills] == [40, 80, 100]
    average = sum(float(fill.shares) * fill.price for fill in fills) / 100
    assert order.average_fill_price == pytest.approx(average)
    assert fills[-1].average_price == pytest.approx(average)
    assert order.status == "Filled"


def test_all_or_none_ignores_the_chunk(floor: Floor) -> None:
    floor.exchange.fill_chunk = 40
    assert floor.place(1, "BUY", 100, all_or_none=True).filled == 100


def test_day_order_expires_at_the_close_and_gtc_does_not(floor: Floor) -> None:
    day = floor.place(1, "BUY", 10, "LMT", limit_price=150.0)
    lasting = floor.place(2, "BUY", 10, "LMT", limit_price=150.0, tif="GTC")

    floor.exchange.end_day()

    assert (day.status, lasting.status) == ("Cancelled", "Submitted")
    assert day.expires_at == START.replace(hour=21, minute=0)


def test_good_till_date_expires_with_the_clock() -> None:
    floor = Floor()
    until = START + timedelta(seconds=1)
    order = floor.place(
        1, "BUY", 10, "LMT", limit_price=1.0, tif="GTD", good_till_date=until.strftime("%Y%m%d-%H:%M:%S")
    )
    assert order.status == "Submitted"
    floor.tick(100)
    assert floor.market.now() > until
    assert order.status == "Cancelled"


def test_good_after_time_waits(floor: Floor) -> None:
    after = floor.market.now() + timedelta(seconds=1)
    order = floor.place(1, "BUY", 10, good_after_time=after.strftime("%Y%m%d-%H:%M:%S"))
    assert (order.status, order.filled) == ("PreSubmitted", 0)
    floor.tick(100)
    assert order.status == "Filled"


def test_halted_contract_is_not_traded(floor: Floor) -> None:
    floor.market.halt("AAPL", True)
    order = floor.place(1, "BUY", 10)
    assert order.status == "Submitted"
    floor.market.halt("AAPL", False)
    floor.tick()
    assert order.status == "Filled"


def test_hold_keeps_orders_open_until_released(floor: Floor) -> None:
    floor.exchange.hold = True
    order = floor.place(1, "BUY", 10)
    floor.tick(3)
    assert order.status == "Submitted"
    floor.exchange.hold = False
    assert order.status == "Filled"


@pytest.mark.parametrize("kind", ["PEG MID", "PEG BEST", "PEG BENCH", "REL", "VOL"])
def test_pegged_orders_rest_unfilled(floor: Floor, kind: str) -> None:
    order = floor.place(1, "BUY", 10, kind, limit_price=250.0)
    floor.tick(3)
    assert (order.status, order.filled) == ("Submitted", 0)


def test_price_condition_wakes_an_order(floor: Floor) -> None:
    spy = floor.contract("SPY")
    above = quote(floor, "SPY").last + 5
    condition = Condition(1, ("a", "1", str(above), str(spy.con_id), "SMART", "0"))
    order = floor.place(1, "BUY", 10, conditions=(condition,))
    assert (order.status, order.filled) == ("PreSubmitted", 0)
    floor.move("SPY", above + 1)
    assert order.status == "Filled"


def test_conditions_join_with_and_and_or(floor: Floor) -> None:
    con_id = str(floor.contract("AAPL").con_id)
    met, unmet = ("1", "100", con_id, "SMART", "0"), ("1", "900", con_id, "SMART", "0")
    both = floor.place(1, "BUY", 10, conditions=(Condition(1, ("a", *met)), Condition(1, ("a", *unmet))))
    either = floor.place(2, "BUY", 10, conditions=(Condition(1, ("o", *met)), Condition(1, ("a", *unmet))))
    assert (both.status, either.status) == ("PreSubmitted", "Filled")


def test_condition_may_cancel_an_order(floor: Floor) -> None:
    con_id = str(floor.contract("AAPL").con_id)
    below = Condition(1, ("a", "0", "195", con_id, "SMART", "0"))
    order = floor.place(1, "BUY", 10, "LMT", limit_price=150.0, conditions=(below,), conditions_cancel_order=True)
    assert order.status == "Submitted"
    floor.move("AAPL", 190.0)
    assert order.status == "Cancelled"


@pytest.mark.parametrize(
    "condition",
    [
        Condition(3, ("a", "1", "20261120-15:00:00")),
        Condition(4, ("a", "1", "5")),
        Condition(6, ("a", "1", "1", "265598", "SMART")),
        Condition(7, ("a", "1", "-99", "265598", "SMART")),
    ],
    ids=["time", "margin", "volume", "percent change"],
)
def test_condition_already_met_lets_the_order_work(floor: Floor, condition: Condition) -> None:
    assert floor.place(1, "BUY", 10, conditions=(condition,)).status == "Filled"


def test_execution_condition_waits_for_a_trade(floor: Floor) -> None:
    order = floor.place(1, "BUY", 10, conditions=(Condition(5, ("a", "STK", "SMART", "MSFT")),))
    assert order.status == "PreSubmitted"
    floor.place(2, "BUY", 1, symbol="MSFT")
    floor.tick()
    assert order.status == "Filled"
