"""What is allowed and what is not, reason by reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.broker.choices import OrderPurpose, OrderType, PriceSource, Side, TradingPermission
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName as L
from apps.risk.domain import prices
from apps.risk.domain.facts import Holding, Reason, Verdict
from apps.risk.domain.limits import CATALOGUE, defaults
from apps.risk.domain.verdict import judge
from tests.risk.facts import NOW, D, facts, held, intent, quote, working
from tradeops.lib.known import Known, Unknown

LOST = Unknown("the broker does not answer")
EXIT = {"purpose": OrderPurpose.EXIT, "side": Side.SELL}


def codes(
    order: Mapping[str, Any], seen: Mapping[str, Any], limits: Mapping[L, Decimal | None] | None = None
) -> set[Code]:
    return set(judge(intent(**order), facts(**seen), {**defaults(), **(limits or {})}).codes)


def test_order_within_all_limits_is_approved() -> None:
    verdict = judge(intent(), facts(), defaults())
    assert verdict.is_approved and verdict.sentence == "Within all limits."


# One row or more for every code: the order, what is known, the limits that differ. A new code gets its row here; its
# sentence is then looked for on the order's page, too.
DENIED: list[tuple[Code, dict[str, Any], dict[str, Any], dict[L, Decimal | None]]] = [
    (Code.TRADING_STOPPED, {}, {"permission": TradingPermission.REDUCING, "stop_reasons": ("daily loss",)}, {}),
    (
        Code.TRADING_STOPPED,
        EXIT,
        {"permission": TradingPermission.KILLED, "holdings": held("50"), "stop_reasons": ("smoke",)},
        {},
    ),
    (Code.SESSION_NOT_READY, {}, {"session_problem": "Disconnected"}, {}),
    (Code.CLOCK_SKEW, {}, {"clock_skew": -2.5}, {}),
    (Code.CLOCK_SKEW, {}, {"broker_clock_offset": -2.1}, {}),
    (Code.CLOCK_SKEW, {}, {"broker_clock_offset": 2.1}, {}),
    (Code.LOSSES_NOT_WATCHED, {}, {"watched_at": None}, {}),
    (Code.LOSSES_NOT_WATCHED, {}, {"watched_at": NOW - timedelta(seconds=181)}, {}),
    (Code.LOSSES_NOT_WATCHED, {}, {"watched_at": NOW + timedelta(seconds=3)}, {}),
    (Code.RESTART_WINDOW, {}, {"restart_is_near": True}, {}),
    (Code.RESTART_WINDOW, {"purpose": OrderPurpose.CORRECTION}, {"restart_is_near": True}, {}),
    (Code.MODE_MISMATCH, {}, {"mode_problem": "U1 is a live account, the platform trades paper."}, {}),
    (Code.INSTRUMENT_RESTRICTED, {}, {"restriction": "earnings"}, {}),
    (Code.INSTRUMENT_LOCKED, {}, {"break_problem": "ledger 10, broker 12"}, {}),
    (Code.MARKET_CLOSED, {}, {"market_is_open": Known(False, NOW)}, {}),
    (Code.MARKET_CLOSED, {}, {"broker_says_open": Known(False, NOW)}, {}),
    (Code.EXCHANGE_HALTED, {}, {"quote": quote(is_halted=True)}, {}),
    (Code.DATA_UNKNOWN, {}, {"equity": LOST}, {}),
    (Code.QUOTE_STALE, {}, {"quote": quote(age=5.1)}, {}),
    (Code.QUOTE_STALE, {}, {"quote": quote(age=-2.1)}, {}),
    (Code.QUOTE_NOT_LIVE, {}, {"quote": quote(source=PriceSource.DELAYED)}, {}),
    (Code.QUOTE_NOT_LIVE, {}, {"quote": quote(source=PriceSource.CLOSE)}, {L.DELAYED_QUOTES: D(1)}),
    (Code.ACCOUNT_STALE, {}, {"equity": Known(D(100_000), NOW - timedelta(seconds=241))}, {}),
    (Code.EQUITY_NOT_POSITIVE, {}, {"equity": Known(D(0), NOW)}, {}),
    (Code.ORDER_VALUE, {"quantity": D(21)}, {}, {}),
    (Code.ORDER_VALUE, {}, {}, {L.TOTAL_CAPITAL: D(49_999)}),
    (Code.ORDER_QUANTITY, {}, {}, {L.MAX_ORDER_QUANTITY: D("9.99")}),
    (Code.VOLUME_SHARE, {"quantity": D(11)}, {"average_volume": Known(D(1_000), NOW)}, {}),
    (Code.PRICE_COLLAR, {"limit_price": D("103.01")}, {}, {}),
    (Code.PRICE_COLLAR, {"side": Side.SELL, "limit_price": D("96.99")}, {}, {}),
    (Code.PRICE_COLLAR, {"sec_type": "CASH", "limit_price": D("101.01")}, {}, {}),
    (Code.PRICE_COLLAR, {"sec_type": "FUT", "limit_price": D("101.01")}, {}, {}),
    (Code.PRICE_COLLAR, {"order_type": OrderType.MARKET, "limit_price": None}, {"quote": quote(ask=D("103.5"))}, {}),
    (
        Code.PRICE_COLLAR,
        {"order_type": OrderType.STOP_LIMIT, "stop_price": D(110), "limit_price": D("113.31")},
        {},
        {},
    ),
    (Code.PRICE_TICK, {"limit_price": D("100.005")}, {}, {}),
    (Code.POSITION_SHARE, {"quantity": D(11)}, {"holdings": held("240")}, {}),
    (Code.POSITION_SHARE, {"quantity": D(11)}, {"open_orders": (working(quantity="240"),)}, {}),
    (Code.POSITION_SHARE, {"side": Side.SELL}, {"holdings": held("-91")}, {}),
    (Code.POSITION_SHARE, {"sec_type": "OPT"}, {"holdings": held("91")}, {}),
    (Code.POSITION_SHARE, {"sec_type": "FOP", "side": Side.SELL, "strike": D(9)}, {}, {L.MAX_SHORT_SHARE: D("0.009")}),
    (Code.FUNDS, {}, {"available_funds": Known(D(1_009), NOW)}, {}),
    (
        Code.FUNDS,
        {},
        {"open_orders": (working(quantity="90", con_id=2),), "available_funds": Known(D(10_000), NOW)},
        {},
    ),
    (Code.OPEN_ORDERS, {}, {"open_orders": tuple(working(con_id=2, quantity="1") for _ in range(15))}, {}),
    (Code.ORDER_RATE, {}, {"orders_last_minute": 30}, {}),
    (Code.ORDER_BURST, {}, {"orders_last_second": 10}, {}),
    (Code.ORDERS_TODAY, {}, {"orders_today": 1500, "traded_today": 1500}, {}),
    (Code.ORDER_TO_TRADE, {}, {"orders_today": 15}, {}),
    (Code.ORDER_TO_TRADE, {}, {"orders_today": 30, "traded_today": 2}, {}),
    (Code.DUPLICATE, {}, {"open_orders": (working(created_at=NOW - timedelta(seconds=1.9)),)}, {}),
    (
        Code.DUPLICATE,
        {**EXIT, "purpose": OrderPurpose.PROTECTIVE},
        {"holdings": held("20"), "open_orders": (working(Side.SELL, created_at=NOW, purpose=OrderPurpose.EXIT),)},
        {},
    ),
    (Code.SELF_CROSS, {}, {"open_orders": (working(Side.SELL),)}, {}),
    (Code.SELF_CROSS, {}, {"open_orders": (working(Side.SELL, purpose=OrderPurpose.EXIT),)}, {}),
    (
        Code.SELF_CROSS,
        EXIT,
        {"holdings": held("10"), "open_orders": (working(price=D("100")),)},
        {},
    ),
    (
        Code.SELF_CROSS,
        {**EXIT, "limit_price": D("98")},
        {"holdings": held("10"), "quote": LOST, "open_orders": (working(price=D("98.5")),)},
        {},
    ),
    (
        Code.SELF_CROSS,
        {"side": Side.BUY, "purpose": OrderPurpose.EXIT, "limit_price": D("101")},
        {"holdings": held("-10"), "open_orders": (working(Side.SELL, price=D("100")),)},
        {},
    ),
    (Code.SELF_CROSS, {"side": Side.SELL}, {"open_orders": (working(purpose=OrderPurpose.EXIT),)}, {}),
    (Code.POSITION_COUNT, {}, {"holdings": held("1", con_id=2)}, {L.MAX_POSITIONS: D(1)}),
    (Code.GROSS_EXPOSURE, {}, {"holdings": held("-1991", con_id=2)}, {}),
    (Code.NET_EXPOSURE, {}, {"holdings": held("991", con_id=2)}, {}),
    (Code.REDUCE_ONLY, {**EXIT, "quantity": D(11)}, {"holdings": held("10")}, {}),
    (Code.REDUCE_ONLY, EXIT, {"holdings": held("-10")}, {}),
    (Code.REDUCE_ONLY, EXIT, {"holdings": held("15"), "open_orders": (working(Side.SELL, **{"purpose": "exit"}),)}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "order", "seen", "limits"), DENIED, ids=lambda value: str(value)[:40])
def test_each_reason_alone_denies(
    code: Code, order: dict[str, Any], seen: dict[str, Any], limits: dict[L, Decimal | None]
) -> None:
    assert codes(order, seen, limits) == {code}


def drifted(now: str) -> tuple[Reason, ...]:
    return tuple(prices.drift(D(100), quote(now).value, defaults()))


# What is not found by judging alone: the price that an approver sees against that of the proposal.
ELSEWHERE: dict[Code, tuple[Reason, ...]] = {Code.PRICE_DRIFT: drifted("101.001")}


def refusals() -> dict[Code, list[Verdict]]:
    """Every code with the verdicts of its rows."""
    found: dict[Code, list[Verdict]] = {code: [Verdict(reasons)] for code, reasons in ELSEWHERE.items()}
    for code, order, seen, limits in DENIED:
        verdict = judge(intent(**order), facts(**seen), {**defaults(), **limits})
        found.setdefault(code, []).append(verdict)
    return found


def test_every_code_is_reached_and_says_it_in_one_sentence() -> None:
    found = refusals()
    assert set(found) == set(Code), "a code without a row in DENIED"
    for code, verdicts in found.items():
        for verdict in verdicts:
            (reason,) = verdict.reasons
            assert reason.code is code and len(reason.sentence.split()) >= 4
            assert re.fullmatch(r"[A-Z0-9](?:(?![.!?]\s).)*[\w)]\.", reason.sentence), reason.sentence


@pytest.mark.parametrize("code", [Code.QUOTE_STALE, Code.PRICE_COLLAR, Code.ORDER_VALUE, Code.PRICE_DRIFT])
def test_what_is_just_too_much_can_be_told_from_what_is_allowed(code: Code) -> None:
    """Not "3.0% worse than 100, 3.0% are allowed"."""
    for verdict in refusals()[code]:
        shown = re.findall(r"[\d.]+(?:%| s\b)", verdict.sentence)
        assert len(set(shown)) == len(shown), verdict.sentence


def test_a_quote_of_the_future_is_told_as_that() -> None:
    verdict = judge(intent(), facts(quote=quote(age=-2.1)), defaults())
    assert verdict.sentence == "The quote of SPY is 2.1 s ahead of this machine's clock: synchronise it."


# The last value that is still allowed, next to the rows above.
ALLOWED: list[tuple[dict[str, Any], dict[str, Any], dict[L, Decimal | None]]] = [
    ({}, {"clock_skew": 2.0}, {}),
    ({}, {"broker_clock_offset": -2.0}, {}),
    ({}, {"broker_clock_offset": None}, {}),
    ({}, {"watched_at": NOW - timedelta(seconds=180)}, {}),
    ({}, {"quote": quote(age=5)}, {}),
    ({}, {"quote": quote(source=PriceSource.DELAYED)}, {L.DELAYED_QUOTES: D(1)}),
    ({}, {"equity": Known(D(100_000), NOW - timedelta(seconds=240))}, {}),
    ({"quantity": D(20)}, {}, {}),
    ({"quantity": D(10)}, {"average_volume": Known(D(1_000), NOW)}, {}),
    ({}, {"average_volume": LOST}, {}),
    ({"limit_price": D(103)}, {}, {}),
    ({"limit_price": D(50)}, {}, {}),
    ({}, {"holdings": held("240")}, {}),
    ({}, {"holdings": held("240"), "open_orders": (working(Side.SELL, "9", con_id=3),)}, {}),
    ({"side": Side.SELL}, {"holdings": held("-90")}, {}),
    ({"side": Side.SELL}, {"holdings": held("200")}, {}),
    ({"sec_type": "OPT"}, {"holdings": held("90")}, {}),
    ({}, {"available_funds": Known(D(1_010), NOW)}, {}),
    ({}, {"orders_last_second": 9, "orders_last_minute": 29}, {}),
    ({}, {"orders_today": 14}, {}),
    ({}, {"orders_today": 29, "traded_today": 2}, {}),
    ({}, {"open_orders": (working(Side.SELL, purpose=OrderPurpose.EXIT, price=D("100.01")),)}, {}),
    ({}, {"open_orders": (working(Side.SELL, purpose=OrderPurpose.PROTECTIVE, stop_price=D(95)),)}, {}),
    ({}, {"open_orders": (working(created_at=NOW - timedelta(seconds=2)),)}, {}),
    ({}, {"open_orders": (working(created_at=NOW, price=D(99)),)}, {}),
    ({**EXIT, "limit_price": D("100.01")}, {"holdings": held("10"), "open_orders": (working(),)}, {}),
    ({**EXIT, "limit_price": D(98)}, {"holdings": held("10"), "open_orders": (working(price=D("98.5")),)}, {}),
    (EXIT, {"holdings": held("10"), "open_orders": (working(price=D(101), stop_price=D(101)),)}, {}),
    (EXIT, {"holdings": held("10"), "open_orders": (working(price=D(101), is_settling=True),)}, {}),
    (EXIT | {"purpose": OrderPurpose.FLATTEN}, {"holdings": held("10"), "open_orders": (working(),)}, {}),
    (EXIT | {"purpose": OrderPurpose.PROTECTIVE}, {"holdings": held("10"), "open_orders": (working(),)}, {}),
    (
        {**EXIT, "parent_quantity": D(20)},
        {"open_orders": (working(Side.SELL, created_at=NOW, purpose=OrderPurpose.PROTECTIVE, oca_group="b"),)},
        {L.DUPLICATE_SECONDS: D(2)},
    ),
    ({"outside_regular_hours": True}, {"market_is_open": Known(False, NOW)}, {}),
    ({"outside_regular_hours": True}, {"broker_says_open": Known(False, NOW)}, {}),
    ({}, {"broker_says_open": LOST}, {}),
    ({}, {"holdings": held("1")}, {L.MAX_POSITIONS: D(1)}),
]  # fmt: skip


@pytest.mark.parametrize(("order", "seen", "limits"), ALLOWED, ids=lambda value: str(value)[:40])
def test_the_limit_itself_is_allowed(
    order: dict[str, Any], seen: dict[str, Any], limits: dict[L, Decimal | None]
) -> None:
    assert codes(order, seen, limits) == set()


PUTS = {
    "sec_type": "OPT", "side": Side.SELL, "quantity": D(400), "limit_price": D("0.05"), "multiplier": D(100),
    "strike": D(100), "right": "P",
}  # fmt: skip
PENNIES = {"quote": quote("0.05", bid=D("0.05"))}


@pytest.mark.parametrize(
    ("order", "more"),
    [
        ({}, {Code.FUNDS, Code.NET_EXPOSURE}),
        ({"right": "C"}, {Code.NET_EXPOSURE}),
        ({"sec_type": "FOP", "right": "C"}, {Code.NET_EXPOSURE}),
    ],
)
def test_written_options_count_as_the_strike_that_they_oblige_to(order: dict[str, Any], more: set[Code]) -> None:
    """400 puts at 0.05 bring 2,000 and may cost 4,000,000."""
    verdict = judge(intent(**(PUTS | order)), facts(**PENNIES), defaults())
    assert verdict.codes == {Code.ORDER_VALUE, Code.POSITION_SHARE, Code.GROSS_EXPOSURE, *more}
    assert "4000000.00" in verdict.sentence


def test_one_put_is_written_while_there_are_funds_for_it() -> None:
    one = PUTS | {"quantity": D(1)}
    limits: dict[L, Decimal | None] = {L.MAX_ORDER_VALUE: D(1), L.MAX_NET_EXPOSURE: D(9)}
    assert codes(one, PENNIES, limits) == set()
    open_put = working(Side.SELL, "1", con_id=2, right="P", value=D(90_001))
    assert codes(one, PENNIES | {"open_orders": (open_put,)}, limits) == {Code.FUNDS}
    assert codes(one, PENNIES | {"open_orders": (replace(open_put, right="C"),)}, limits) == set()
    assert codes(PUTS | {"side": Side.BUY}, PENNIES, limits) == set(), "a buyer owes nothing more"
    assert codes(one | {"strike": None}, PENNIES, limits) == {Code.DATA_UNKNOWN}


def test_options_that_were_written_take_room_for_what_they_oblige_to_but_make_none() -> None:
    """Worth 500 at the market, they oblige to 195,000 of the 200,000 that may be held gross."""
    written = Known((Holding(2, D(-1000), D(-500), owed=D(195_000)),), NOW)
    assert codes({"quantity": D(60)}, {"holdings": written}, {L.MAX_ORDER_VALUE: D(1)}) == {Code.GROSS_EXPOSURE}
    assert codes({"quantity": D(40)}, {"holdings": written}, {L.MAX_ORDER_VALUE: D(1)}) == set()


def test_a_usual_volume_that_nobody_knows_is_told() -> None:
    verdict = judge(intent(), facts(average_volume=LOST), defaults())
    assert verdict.is_approved and "share of the 20-day volume was not checked" in verdict.sentence
    assert "the broker does not answer" in verdict.note
    assert judge(intent(), facts(average_volume=LOST), defaults() | {L.MAX_VOLUME_SHARE: None}).note == ""


UNKNOWABLE = ["market_is_open", "quote", "equity", "available_funds", "exchange_rate", "holdings"]


@pytest.mark.parametrize("what", UNKNOWABLE)
def test_entry_is_denied_when_something_is_unknown_and_names_it(what: str) -> None:
    verdict = judge(intent(), facts(**{what: LOST}), defaults())
    found = [reason for reason in verdict.reasons if reason.code is Code.DATA_UNKNOWN]
    assert found and all("the broker does not answer" in reason.sentence and reason.data["what"] for reason in found)


def test_position_or_open_order_without_a_value_denies_entries() -> None:
    assert codes({}, {"holdings": held("1", con_id=2, value=None)}) == {Code.DATA_UNKNOWN}
    assert codes({}, {"open_orders": (working(con_id=2, value=None),)}) == {Code.DATA_UNKNOWN}


def test_every_reason_is_told_at_once() -> None:
    seen = {
        "permission": TradingPermission.HALTED,
        "session_problem": "Disconnected",
        "quote": quote(age=60, source=PriceSource.CLOSE),
        "equity": Known(D(-1), NOW),
        "orders_today": 9999,
    }
    verdict = judge(intent(limit_price=D("200.001")), facts(**seen), defaults())
    assert verdict.codes == {
        *(Code.TRADING_STOPPED, Code.SESSION_NOT_READY, Code.QUOTE_STALE, Code.QUOTE_NOT_LIVE),
        *(Code.EQUITY_NOT_POSITIVE, Code.ORDERS_TODAY, Code.ORDER_TO_TRADE, Code.PRICE_COLLAR, Code.PRICE_TICK),
    }
    assert all(reason.sentence in verdict.sentence for reason in verdict.reasons)


def test_closing_order_is_spared_what_guards_against_holding() -> None:
    seen = {
        "holdings": held("5000"),
        "permission": TradingPermission.HALTED,
        "equity": Known(D(-5), NOW - timedelta(hours=1)),
        "available_funds": LOST,
        "exchange_rate": LOST,
        "quote": LOST,
        "market_is_open": LOST,
        "clock_skew": 99.0,
        "broker_clock_offset": 99.0,
        "watched_at": None,
        "open_orders": tuple(working(con_id=2, value=None) for _ in range(40)),
        "orders_today": 10,
    }
    assert codes({**EXIT, "quantity": D(5000)}, seen) == set()


def test_closing_order_needs_to_know_what_is_held() -> None:
    assert codes(EXIT, {"holdings": LOST}) == {Code.DATA_UNKNOWN}


def test_closing_order_is_collared_by_a_fresh_quote_only() -> None:
    order = {**EXIT, "limit_price": D(90)}
    assert codes(order, {"holdings": held("10")}) == {Code.PRICE_COLLAR}
    assert codes(order, {"holdings": held("10"), "quote": quote(age=6)}) == set()


def test_verdict_on_a_closing_order_says_when_no_price_was_checked() -> None:
    at_market = {**EXIT, "order_type": OrderType.MARKET, "limit_price": None}
    seen = facts(holdings=held("10"), quote=LOST)
    verdict = judge(intent(**at_market), seen, defaults())
    assert verdict.is_approved and verdict.note.endswith("A market order needs none.")
    assert verdict.sentence == f"Within all limits. {verdict.note}"
    assert judge(intent(**EXIT), seen, defaults()).note == "Its price was not checked, for there is no live quote."
    assert judge(intent(**at_market), facts(holdings=held("10")), defaults()).note == ""
    assert judge(intent(), facts(quote=LOST), defaults()).note == ""


def test_members_of_one_group_close_the_same_position() -> None:
    other = working(Side.SELL, purpose=OrderPurpose.PROTECTIVE, oca_group="bracket", price=D(90))
    order = {**EXIT, "purpose": OrderPurpose.PROTECTIVE}
    assert codes({**order, "oca_group": "bracket"}, {"holdings": held("10"), "open_orders": (other,)}) == set()
    assert codes(order, {"holdings": held("10"), "open_orders": (other,)}) == {Code.REDUCE_ONLY}


def test_child_may_close_what_its_parent_will_buy() -> None:
    order = {**EXIT, "purpose": OrderPurpose.PROTECTIVE, "parent_quantity": D(10)}
    assert codes(order, {}) == set()
    assert codes({**order, "quantity": D(11)}, {}) == {Code.REDUCE_ONLY}


def test_open_order_on_the_other_side_makes_no_room() -> None:
    """It may never be filled, while the other is."""
    short = working(Side.SELL, "100", con_id=1)
    found = codes({"quantity": D(20)}, {"holdings": held("240"), "open_orders": (short,)})
    assert Code.POSITION_SHARE in found
    other = {"holdings": held("991", con_id=2), "open_orders": (working(Side.SELL, "500", con_id=2),)}
    assert codes({}, other) == {Code.NET_EXPOSURE}


def test_fill_that_settles_counts_for_exposure_but_not_as_an_open_order() -> None:
    fills = tuple(working(con_id=1, quantity="20", is_settling=True, created_at=NOW) for _ in range(16))
    assert codes({"quantity": D(10)}, {"open_orders": fills}) == {Code.POSITION_SHARE}
    sold = working(Side.SELL, "10", purpose=OrderPurpose.EXIT, is_settling=True)
    assert codes(EXIT, {"holdings": held("10"), "open_orders": (sold,)}) == {Code.REDUCE_ONLY}


def test_exit_may_not_cross_zero_with_a_fill_still_settling() -> None:
    sold = working(Side.SELL, "6", purpose=OrderPurpose.EXIT, is_settling=True)
    seen = {"holdings": held("10"), "open_orders": (sold,)}
    assert codes({**EXIT, "quantity": D(4)}, seen) == set()
    assert codes({**EXIT, "quantity": D(5)}, seen) == {Code.REDUCE_ONLY}


def test_short_entry_is_held_to_its_own_share_too() -> None:
    short, wide = {"side": Side.SELL, "quantity": D(101)}, {L.MAX_ORDER_VALUE: D(1)}
    assert codes(short, {}) == {Code.ORDER_VALUE, Code.POSITION_SHARE}
    assert codes(short, {}, {**wide, L.MAX_SHORT_SHARE: D("0.2")}) == set()
    assert codes(short, {}, {**wide, L.MAX_SHORT_SHARE: None, L.MAX_POSITION_SHARE: None}) == set()


def test_reason_names_the_limit_that_a_person_would_change() -> None:
    """Whatever is denied by a number says which number."""
    named = {code: set() for code in Code}
    for code, order, seen, limits in DENIED:
        reasons = judge(intent(**order), facts(**seen), {**defaults(), **limits}).reasons
        named[code] |= {reason.limit for reason in reasons}
    assert named[Code.ORDER_VALUE] == {L.MAX_ORDER_VALUE}
    assert named[Code.POSITION_SHARE] == {L.MAX_POSITION_SHARE, L.MAX_SHORT_SHARE, L.MAX_OPTION_SHARE}
    assert named[Code.PRICE_COLLAR] == {L.PRICE_COLLAR, L.CURRENCY_PRICE_COLLAR}
    without = {code for code, found in named.items() if found == {None}}
    assert without == {
        *(Code.TRADING_STOPPED, Code.SESSION_NOT_READY, Code.CLOCK_SKEW, Code.RESTART_WINDOW, Code.MODE_MISMATCH),
        *(Code.INSTRUMENT_RESTRICTED, Code.INSTRUMENT_LOCKED, Code.MARKET_CLOSED, Code.EXCHANGE_HALTED),
        *(Code.DATA_UNKNOWN, Code.LOSSES_NOT_WATCHED),
        *(Code.EQUITY_NOT_POSITIVE, Code.PRICE_TICK, Code.SELF_CROSS, Code.REDUCE_ONLY),
    }


def test_currency_pence_and_multiplier_make_the_value() -> None:
    """100 contracts of 100 at 10 pence in pounds worth 1.25: 125,000 pence or 1,250 in the account's currency."""
    order = {"quantity": D(100), "multiplier": D(100), "price_magnifier": D(100), "limit_price": D(10)}
    seen = {"quote": quote("10"), "exchange_rate": Known(D("1.25"), NOW)}
    just = {L.MAX_ORDER_VALUE: D("0.0125125")}
    assert codes(order, seen, just) == set()
    assert codes(order, seen, {L.MAX_ORDER_VALUE: D("0.0124")}) == {Code.ORDER_VALUE}


@pytest.mark.parametrize("purpose", [OrderPurpose.EXIT, OrderPurpose.PROTECTIVE, OrderPurpose.FLATTEN])
def test_planned_restart_keeps_no_position_from_being_closed_or_protected(purpose: OrderPurpose) -> None:
    seen = {"restart_is_near": True, "holdings": held("50")}
    assert codes(EXIT | {"purpose": purpose}, seen) == set()


def test_drift_is_measured_either_way() -> None:
    assert drifted("101") == drifted("99") == ()
    assert [reason.code for now in ("101.01", "98.99") for reason in drifted(now)] == [Code.PRICE_DRIFT] * 2


def test_catalogue_states_every_limit_with_a_source() -> None:
    assert set(CATALOGUE) == set(L)
    for kind in CATALOGUE.values():
        assert kind.origin and (kind.default is None or kind.default >= kind.lowest)
        assert kind.highest is None or kind.default is None or kind.default <= kind.highest


@pytest.mark.parametrize(
    ("side", "bid", "ask", "tick", "expected"),
    [
        (Side.BUY, "499.98", "500.02", None, "515"),
        (Side.BUY, "499.98", "500.02", "0.01", "515"),
        (Side.SELL, "499.98", "500.02", "0.01", "485"),
        (Side.SELL, "503.98", "504.02", "0.01", "490"),
        (Side.BUY, "3.15", "3.25", "0.01", "3.25"),
        (Side.SELL, "3.15", "3.25", "0.01", "3.15"),
        (Side.BUY, "3.19", "3.29", "0.01", "3.30"),
        (Side.BUY, "0.90", "0.91", "0.01", "0.93"),
        (Side.BUY, "10", "10.25", "0.25", "10.25"),
        (Side.BUY, "99", "110", "0.01", None),
        (Side.SELL, "0.01", "0.05", "0.01", None),
        (Side.BUY, "0.20", "0.20", "0.01", "0.20"),
        (Side.SELL, "0.05", "0.05", "0.01", "0.05"),
    ],
)
def test_market_order_becomes_a_limit_at_the_collar(
    side: Side, bid: str, ask: str, tick: str | None, expected: str | None
) -> None:
    """Never beyond it, and only where the order can trade at once."""
    found = quote(str((D(bid) + D(ask)) / 2), bid=D(bid), ask=D(ask)).value
    limit = prices.collared_limit(intent(side=side, min_tick=D(tick) if tick else None), found, defaults())
    assert limit == (None if expected is None else D(expected))


def test_market_order_stays_one_where_there_is_no_collar() -> None:
    unlimited = {**defaults(), L.PRICE_COLLAR: None}
    assert prices.collared_limit(intent(), quote().value, unlimited) is None
