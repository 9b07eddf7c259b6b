"""Accounts: opening portfolio, values, margin, P&L, and books that always balance."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.broker.simulator.exchange import AccountValue
from apps.broker.simulator.exchange.account import Account
from apps.broker.simulator.exchange.expiry import settle_expired
from apps.broker.simulator.exchange.opening import opening_account
from apps.broker.simulator.exchange.valuation import Valuation
from apps.broker.simulator.types import Query

from .exchange_support import ACCOUNT, START, Floor
from .test_exchange_executions import lower_put

CENT = Decimal("0.01")


@pytest.fixture
def floor() -> Floor:
    return Floor()


def converted(floor: Floor, amount: Decimal, currency: str) -> Decimal:
    return amount * Decimal(str(floor.market.exchange_rate(currency, "USD")))


def test_opening_portfolio_is_believable(floor: Floor) -> None:
    items = floor.exchange.portfolio(ACCOUNT)
    stocks = [item for item in items if item.contract.sec_type == "STK"]
    puts = [item for item in items if item.contract.sec_type == "OPT"]
    assert {item.contract.symbol for item in stocks} == {"SXLK", "SXLV", "SXLF", "SPY", "XLE", "AAPL", "MSFT"}
    assert {item.contract.symbol for item in puts} == {"SPY", "AAPL", "IWM"}
    assert all(item.quantity > 0 for item in stocks)
    assert all(item.quantity < 0 and item.contract.right == "P" for item in puts)


def test_short_puts_are_below_the_spot_and_expire_in_some_weeks(floor: Floor) -> None:
    for symbol in ("SPY", "AAPL", "IWM"):
        put = floor.short_put(symbol)
        spot = floor.market.quote(put.under_con_id).last
        assert 0.90 < put.strike / spot < 0.97
        assert "20261215" <= put.expiry <= "20270115"


def test_net_liquidation_starts_at_a_million(floor: Floor) -> None:
    assert floor.value("NetLiquidation") == Decimal("1000000.00")


def test_further_accounts_are_smaller_and_have_their_own_books() -> None:
    floor = Floor("DU1", "U2")
    floor.place(1, "BUY", 10, account="U2")
    assert floor.value("NetLiquidation", account="DU1") == Decimal("1000000.00")
    assert Decimal(499_000) < floor.value("NetLiquidation", account="U2") < Decimal(501_000)
    assert floor.held(account="U2") != floor.held(account="DU1")


def test_position_names_no_exchange_and_cannot_be_ordered_as_it_is(floor: Floor) -> None:
    position = floor.exchange.positions(ACCOUNT)[0]
    assert position.contract.exchange == ""
    floor.place(1, "BUY", 1, query=Query(con_id=position.contract.con_id))
    assert floor.heard.codes() == [321]


def test_average_cost_includes_commission_and_multiplier(floor: Floor) -> None:
    order = floor.place(1, "BUY", 100, symbol="QQQ")
    position = floor.exchange.position(ACCOUNT, floor.contract("QQQ").con_id)
    assert position.average_cost == pytest.approx(order.average_fill_price + 0.01)
    put = floor.short_put("SPY")
    assert floor.exchange.position(ACCOUNT, put.con_id).average_cost > 100


def test_values_have_the_keys_of_the_real_stream(floor: Floor) -> None:
    values = floor.exchange.account_values(ACCOUNT)
    keys = {value.key for value in values}
    assert keys >= {
        "AccountCode",
        "AccountReady",
        "AccountType",
        "NetLiquidation",
        "TotalCashValue",
        "CashBalance",
        "TotalCashBalance",
        "AvailableFunds",
        "ExcessLiquidity",
        "BuyingPower",
        "GrossPositionValue",
        "InitMarginReq",
        "MaintMarginReq",
        "EquityWithLoanValue",
        "UnrealizedPnL",
        "RealizedPnL",
        "StockMarketValue",
        "OptionMarketValue",
        "ExchangeRate",
        "Cushion",
        "NetLiquidation-S",
        "AvailableFunds-S",
    }
    assert AccountValue("AccountCode", ACCOUNT, "") in values
    assert {value.currency for value in values if value.key == "CashBalance"} == {"BASE", "USD", "GBP", "EUR"}


def test_values_are_consistent(floor: Floor) -> None:
    cash = sum(converted(floor, floor.value("CashBalance", each), each) for each in ("USD", "GBP", "EUR"))
    assert floor.value("TotalCashValue") == cash.quantize(CENT)
    stocks, options = floor.value("StockMarketValue", "BASE"), floor.value("OptionMarketValue", "BASE")
    assert abs(floor.value("NetLiquidation") - cash - stocks - options) <= CENT
    assert floor.value("GrossPositionValue") == stocks - options
    assert floor.value("AvailableFunds") == floor.value("EquityWithLoanValue") - floor.value("InitMarginReq")
    assert floor.value("ExcessLiquidity") == floor.value("EquityWithLoanValue") - floor.value("MaintMarginReq")
    assert floor.value("BuyingPower") == floor.value("AvailableFunds") * 4


def test_values_move_with_the_market(floor: Floor) -> None:
    shares = floor.held()
    before = floor.value("NetLiquidation")
    last = floor.market.quote(floor.contract("AAPL").con_id).last
    put = floor.short_put("AAPL")
    put_before = next(item for item in floor.exchange.portfolio(ACCOUNT) if item.contract.con_id == put.con_id)
    floor.move("AAPL", last + 5)
    put_after = next(item for item in floor.exchange.portfolio(ACCOUNT) if item.contract.con_id == put.con_id)
    moved = floor.market.quote(floor.contract("AAPL").con_id).last - last
    options = put_after.market_value - put_before.market_value
    assert float(floor.value("NetLiquidation") - before) == pytest.approx(moved * float(shares) + options, abs=0.05)
    assert options > 0


def test_summary_brings_only_what_was_asked(floor: Floor) -> None:
    values = floor.exchange.summary(ACCOUNT, ["NetLiquidation", "AccountType", "Nonsense", "$LEDGER:EUR"])
    assert [value.key for value in values[:2]] == ["NetLiquidation", "AccountType"]
    assert {value.currency for value in values[2:]} == {"EUR"}
    ledgers = floor.exchange.summary(ACCOUNT, ["$LEDGER:ALL"])
    assert {value.currency for value in ledgers} == {"BASE", "USD", "GBP", "EUR"}
    assert {value.currency for value in floor.exchange.summary(ACCOUNT, ["$LEDGER"])} == {"BASE"}


def test_foreign_purchase_is_paid_in_its_own_currency(floor: Floor) -> None:
    before = floor.value("CashBalance", "GBP")
    order = floor.place(1, "BUY", 20, query=Query(symbol="SXLK", sec_type="STK", exchange="SMART", currency="GBP"))
    contract = order.contract
    paid = Decimal(str(order.average_fill_price)) * 20 / contract.price_magnifier + order.commission
    assert floor.value("CashBalance", "GBP") == (before - paid).quantize(CENT)
    assert floor.heard.commissions[0].currency == "GBP"


def test_currency_is_exchanged_between_two_balances(floor: Floor) -> None:
    euros, dollars = floor.value("CashBalance", "EUR"), floor.value("CashBalance")
    query = Query(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
    order = floor.place(1, "BUY", 5000, query=query)
    assert order.status == "Filled"
    assert floor.value("CashBalance", "EUR") == euros + 5000
    paid = Decimal(str(order.average_fill_price)) * 5000 + order.commission
    assert floor.value("CashBalance") == (dollars - paid).quantize(CENT)
    assert all(item.contract.sec_type != "CASH" for item in floor.exchange.portfolio(ACCOUNT))


def test_closed_position_stays_with_quantity_zero_until_the_day_ends(floor: Floor) -> None:
    contract = floor.contract("MSFT")
    floor.place(1, "SELL", floor.held("MSFT"), symbol="MSFT")
    item = next(each for each in floor.exchange.portfolio(ACCOUNT) if each.contract.con_id == contract.con_id)
    assert (item.quantity, item.market_value) == (0, 0.0)
    assert item.realized_pnl != 0
    assert contract.con_id not in {each.contract.con_id for each in floor.exchange.positions(ACCOUNT)}
    floor.exchange.end_day()
    assert floor.exchange.position(ACCOUNT, contract.con_id) is None


def test_daily_pnl_starts_again_with_the_day(floor: Floor) -> None:
    floor.place(1, "SELL", 10)
    floor.move("SPY", 650.0)
    assert floor.exchange.pnl(ACCOUNT).daily != 0
    assert floor.exchange.pnl(ACCOUNT).realized != 0

    floor.exchange.end_day()

    assert (floor.exchange.pnl(ACCOUNT).daily, floor.exchange.pnl(ACCOUNT).realized) == (0.0, 0.0)
    assert floor.exchange.pnl(ACCOUNT).unrealized != 0


def test_pnl_single_adds_up_to_the_account(floor: Floor) -> None:
    floor.place(1, "SELL", 10)
    floor.move("SPY", 650.0)
    singles = [floor.exchange.pnl_single(ACCOUNT, each.contract.con_id) for each in floor.exchange.portfolio(ACCOUNT)]
    total = floor.exchange.pnl(ACCOUNT)
    assert sum(single.daily for single in singles) == pytest.approx(total.daily)
    assert sum(single.unrealized for single in singles) == pytest.approx(total.unrealized)
    assert floor.exchange.pnl_single(ACCOUNT, 1).value == 0


def test_daily_pnl_of_a_trade_today_is_measured_from_the_fill(floor: Floor) -> None:
    contract = floor.contract("QQQ")
    order = floor.place(1, "BUY", 10, symbol="QQQ")
    last = floor.market.quote(contract.con_id).last
    single = floor.exchange.pnl_single(ACCOUNT, contract.con_id)
    assert single.daily == pytest.approx((last - order.average_fill_price) * 10 - 1, abs=0.01)
    assert single.daily == single.unrealized


def test_what_if_shows_margin_and_leaves_nothing_behind(floor: Floor) -> None:
    perm_ids = {order.perm_id for order in floor.exchange.completed_orders()}
    floor.exchange.place(floor.request(5, "BUY", 100, what_if=True))
    (answer,) = floor.heard.opened
    effect = answer.what_if
    ask = floor.market.quote(floor.contract("AAPL").con_id).ask
    assert floor.heard.events == ["openOrder"]
    assert float(effect.after.initial - effect.before.initial) == pytest.approx(ask * 100 * 0.25, rel=0.01)
    assert effect.after.maintenance < effect.after.initial
    assert effect.commission == Decimal(1)
    assert effect.before.initial == floor.value("InitMarginReq")
    assert floor.exchange.open_orders() == []
    assert {order.perm_id for order in floor.exchange.completed_orders()} == perm_ids
    assert floor.place(5, "BUY", 1).status == "Filled"


def test_what_if_beyond_the_money_still_answers(floor: Floor) -> None:
    floor.exchange.place(floor.request(5, "BUY", 1_000_000, what_if=True))
    effect = floor.heard.opened[0].what_if
    assert effect.after.initial > effect.after.equity_with_loan


def test_bad_what_if_is_refused(floor: Floor) -> None:
    floor.exchange.place(floor.request(5, "BUY", 0, what_if=True))
    assert (floor.heard.codes(), floor.heard.opened) == ([434], [])


def test_short_put_needs_about_a_fifth_of_its_underlying(floor: Floor) -> None:
    put = floor.short_put("SPY")
    before = floor.value("InitMarginReq")
    floor.place(1, "SELL", 1, query=Query(con_id=put.con_id, exchange="SMART"))
    spot = floor.market.quote(put.under_con_id).last
    mark = next(each.market_price for each in floor.exchange.portfolio(ACCOUNT) if each.contract.con_id == put.con_id)
    expected = 100 * (mark + max(0.2 * spot - (spot - put.strike), 0.1 * put.strike))
    assert float(floor.value("InitMarginReq") - before) == pytest.approx(expected, abs=0.05)


def test_put_spread_needs_at_most_its_width(floor: Floor) -> None:
    sold = floor.short_put("SPY")
    bought = lower_put(floor, sold)
    before = floor.value("InitMarginReq")
    floor.place(1, "BUY", 1, "MKT", **floor.put_spread(sold, bought))
    assert float(floor.value("InitMarginReq") - before) <= (sold.strike - bought.strike) * 100 + 0.01


def test_covered_call_needs_no_margin_of_its_own(floor: Floor) -> None:
    put = floor.short_put("SPY")
    query = Query(
        symbol="SPY",
        sec_type="OPT",
        expiry=put.expiry,
        strike=put.strike + 50,
        right="C",
        exchange="SMART",
        currency="USD",
        trading_class="SPY",
    )
    before = floor.value("InitMarginReq")
    assert floor.place(1, "SELL", 1, query=query).status == "Filled"
    assert floor.held("SPY") >= 100
    assert floor.value("InitMarginReq") == before
    floor.place(2, "SELL", 1, query=query)
    assert floor.value("InitMarginReq") > before + 5000


def test_long_option_must_be_paid_in_full(floor: Floor) -> None:
    put = floor.short_put("SPY")
    assert floor.place(1, "BUY", 100_000, query=Query(con_id=put.con_id, exchange="SMART")).status == "Inactive"


def settle(floor: Floor, on_date: str) -> Account:
    """The opening books on a day after some expiry."""
    valuation = Valuation(floor.market)
    account = opening_account(ACCOUNT, floor.market, valuation, 1, 7)
    settle_expired(account, floor.market, valuation, floor.heard, on_date)
    return account


def test_expired_worthless_put_leaves_the_premium(floor: Floor) -> None:
    put, cash = floor.short_put("AAPL"), floor.value("CashBalance")
    account = settle(floor, "20270301")
    assert (account.quantity(put.con_id), account.cash["USD"]) == (0, cash)
    assert account.holdings[put.con_id].realized_today > 0
    assert (ACCOUNT, put.con_id) in floor.heard.positions


def test_put_is_not_settled_before_the_day_after_its_expiry(floor: Floor) -> None:
    put = floor.short_put("AAPL")
    assert settle(floor, put.expiry).quantity(put.con_id) < 0


def test_assigned_put_brings_the_shares_at_the_strike(floor: Floor) -> None:
    put = floor.short_put("AAPL")
    opening = settle(floor, "20260101")
    floor.move("AAPL", put.strike - 20)
    valuation = Valuation(floor.market)
    contracts, cash, shares = -opening.quantity(put.con_id), opening.cash["USD"], opening.quantity(put.under_con_id)

    settle_expired(opening, floor.market, valuation, floor.heard, "20270301")

    assert opening.quantity(put.con_id) == 0
    assert opening.quantity(put.under_con_id) == shares + contracts * 100
    assert opening.cash["USD"] == cash - contracts * 100 * Decimal(str(put.strike))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["AAPL", "MSFT", "SPY", "SXLK", "QQQ", "put", "spread"]),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 400),
        st.sampled_from(["MKT", "LMT", "TRAIL"]),
        st.sampled_from(["", "tick", "cancel", "chunk", "correct", "day"]),
    ),
    max_size=25,
)


def _act(floor: Floor, order_id: int, action: tuple[str, str, int, str, str]) -> None:
    symbol, side, quantity, kind, then = action
    put = floor.exchange_put
    more: dict[str, Any] = {"symbol": symbol}
    if symbol == "put":
        more, quantity = {"query": Query(con_id=put.con_id, exchange="SMART")}, quantity % 7 + 1
    elif symbol == "spread":
        more, quantity, kind = floor.put_spread(put, floor.other_put), quantity % 7 + 1, "MKT"
    if kind == "TRAIL":
        more["trailing_percent"] = 0.1
    if kind == "LMT":
        con_id = more["query"].con_id if "query" in more else floor.contract(symbol).con_id
        now = floor.market.quote(con_id)
        more["limit_price"] = now.ask if side == "BUY" else now.bid
    floor.exchange.fill_chunk = 37 if then == "chunk" else None
    floor.place(order_id, side, quantity, kind, **more)
    if then == "tick":
        floor.tick(5)
    elif then == "cancel":
        floor.exchange.cancel(1, order_id)
    elif then == "correct" and floor.heard.executions and floor.heard.executions[-1].contract.sec_type != "BAG":
        floor.exchange.correct_execution(floor.heard.executions[-1].exec_id, price=floor.heard.executions[-1].price + 1)
    elif then == "day":
        floor.exchange.end_day()


@settings(max_examples=25)
@given(ACTIONS)
def test_books_balance_whatever_is_traded(actions: list[tuple[str, str, int, str, str]]) -> None:
    """Cash is what executions and commissions moved; cash and positions are the net liquidation."""
    floor = Floor()
    floor.exchange_put = floor.short_put("SPY")
    floor.other_put = lower_put(floor, floor.exchange_put)
    cash = dict(floor.exchange.books(ACCOUNT).cash)
    held = {each.contract.con_id: each.quantity for each in floor.exchange.positions(ACCOUNT)}
    cost = sum(each.cost for each in floor.exchange.books(ACCOUNT).holdings.values())

    for order_id, action in enumerate(actions, 1):
        _act(floor, order_id, action)

    final = latest_revisions(floor)
    for execution, report in final:
        signed = execution.shares if execution.side == "BOT" else -execution.shares
        unit = execution.contract.multiplier
        cash[report.currency] -= signed * unit * Decimal(str(execution.price)) + report.commission
        held[execution.contract.con_id] = held.get(execution.contract.con_id, Decimal(0)) + signed
    account = floor.exchange.books(ACCOUNT)
    assert account.cash == cash
    assert {each.contract.con_id: each.quantity for each in floor.exchange.positions(ACCOUNT)} == {
        con_id: quantity for con_id, quantity in held.items() if quantity
    }
    marked = sum((item.market_value for item in floor.exchange.portfolio(ACCOUNT)), 0.0)
    assert float(floor.value("NetLiquidation")) == pytest.approx(float(floor.value("TotalCashValue")) + marked, abs=0.2)
    realized = sum((report.realized_pnl or Decimal(0) for _, report in final), Decimal(0))
    spent = sum((cash_before - cash[currency] for currency, cash_before in opening_cash().items()), Decimal(0))
    cost_now = sum(each.cost for each in account.holdings.values())
    assert float(cost_now - cost) == pytest.approx(float(spent + realized), abs=0.01)


def opening_cash() -> dict[str, Decimal]:
    return dict(Floor().exchange.books(ACCOUNT).cash)


def latest_revisions(floor: Floor) -> list[Any]:
    """What counts: of each fill the last correction, and no combo totals."""
    latest = {}
    for execution, report in floor.exchange.executions():
        if execution.contract.sec_type != "BAG":
            latest[execution.exec_id.rpartition(".")[0]] = (execution, report)
    return list(latest.values())


def run(seed: int) -> list[str]:
    floor = Floor(seed=seed)
    floor.exchange.fill_chunk = 30
    floor.place(1, "BUY", 100, "LMT", limit_price=500.0)
    floor.place(2, "SELL", 10, "TRAIL", trailing_percent=0.05)
    for _ in range(20):
        floor.tick(3)
    return [*floor.heard.events, *map(repr, floor.heard.executions), *map(repr, floor.exchange.account_values(ACCOUNT))]


def test_same_seed_gives_the_same_day() -> None:
    assert run(7) == run(7)


def test_another_seed_gives_another_day() -> None:
    assert run(7) != run(8)


def test_orders_and_executions_outlive_a_new_listener(floor: Floor) -> None:
    """As when the gateway restarts: another server attaches to the same exchange."""
    floor.place(1, "BUY", 1)
    order = floor.place(2, "BUY", 1, "LMT", limit_price=1.0)
    floor.exchange.listener = type(floor.heard)()
    assert len(floor.exchange.executions()) == 1
    assert floor.exchange.open_orders() == [order]
    assert floor.market.now() >= START


def test_clock_ends_days_expires_orders_and_settles_options(floor: Floor) -> None:
    day = floor.place(1, "BUY", 1, "LMT", limit_price=1.0)
    lasting = floor.place(2, "BUY", 1, "LMT", limit_price=1.0, tif="GTC")
    put = floor.short_put("AAPL")

    floor.tick(3 * 86_400)
    assert (day.status, lasting.status) == ("Cancelled", "Submitted")
    assert floor.exchange.position(ACCOUNT, put.con_id).quantity < 0
    assert floor.exchange.completed_orders() == [day]
    floor.tick(60 * 86_400)

    assert floor.exchange.position(ACCOUNT, put.con_id) is None
    assert floor.exchange.completed_orders() == []


def test_executions_are_of_today_only(floor: Floor) -> None:
    floor.place(1, "BUY", 1)
    floor.tick(86_400)
    assert floor.exchange.executions() == []
    floor.place(2, "BUY", 1)
    assert len(floor.exchange.executions()) == 1
