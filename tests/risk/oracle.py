"""The rules once more, told as slowly and plainly as possible, sharing no code with the checks: codes only.

Everything is counted in lists of whole things: what could happen to the account if the worst open orders were filled.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import chain

from apps.risk.domain.facts import Facts, Intent, OpenOrder
from tradeops.lib.known import Unknown

Limits = dict[str, Decimal | None]
ENTRY, FLATTEN = "entry", "flatten"


def expected(order: Intent, seen: Facts, limits: Limits) -> set[str]:
    if order.purpose.value in ("exit", "protective", "flatten"):
        return closing(order, seen, limits)
    return entering(order, seen, limits)


def common(order: Intent, seen: Facts) -> set[str]:
    found = set()
    stopped = {"active": [], "killed": ["all"], "halted": ["entry", "correction"], "reducing": ["entry", "correction"]}
    stops = stopped[seen.permission.value]
    if "all" in stops or order.purpose.value in stops:
        found.add("TRADING_STOPPED")
    if seen.session_problem != "":
        found.add("SESSION_NOT_READY")
    if seen.mode_problem != "":
        found.add("MODE_MISMATCH")
    if seen.restart_is_near and order.purpose.value in ("entry", "correction"):
        found.add("RESTART_WINDOW")
    for price in (order.limit_price, order.stop_price):
        if price is not None and order.min_tick and (price / order.min_tick) != (price / order.min_tick).to_integral():
            found.add("PRICE_TICK")
    return found


def quote_codes(seen: Facts, limits: Limits) -> set[str]:
    if isinstance(seen.quote, Unknown):
        return {"DATA_UNKNOWN"}
    found, quote = set(), seen.quote.value
    age = (seen.now - quote.at).total_seconds()
    if age < -2 or age > limits["MAX_QUOTE_AGE"]:
        found.add("QUOTE_STALE")
    allowed = ["market", "mid"] + (["delayed", "delayed_last"] if limits["DELAYED_QUOTES"] else [])
    if quote.source.value not in allowed:
        found.add("QUOTE_NOT_LIVE")
    return found


def collar_codes(order: Intent, seen: Facts, limits: Limits) -> set[str]:
    if isinstance(seen.quote, Unknown) or order.is_collared:
        return set()
    quote = seen.quote.value
    allowed = limits["CURRENCY_PRICE_COLLAR"] if order.sec_type in ("CASH", "FUT") else limits["PRICE_COLLAR"]
    paid = pays(order, seen)
    if paid is None:
        return set()
    centre = order.stop_price if order.order_type.value == "STP LMT" else quote.price
    if order.side.value == "BUY":
        return {"PRICE_COLLAR"} if paid > centre * (1 + allowed) else set()
    return {"PRICE_COLLAR"} if paid < centre * (1 - allowed) else set()


def pays(order: Intent, seen: Facts) -> Decimal | None:
    """At worst, if it trades now."""
    if order.limit_price is not None:
        return order.limit_price
    return touch(order, seen) if order.order_type.value in ("MKT", "MOC", "MIDPRICE") else None


def touch(order: Intent, seen: Facts) -> Decimal:
    quote = seen.quote.value
    offered = quote.ask if order.side.value == "BUY" else quote.bid
    return quote.price if not offered or offered < 0 else offered


def repeated(order: Intent, seen: Facts, limits: Limits) -> bool:
    if order.parent_quantity is not None or order.purpose.value == FLATTEN:
        return False
    for other in [*seen.open_orders, *seen.given_lately]:
        young = (seen.now - other.created_at).total_seconds() < limits["DUPLICATE_SECONDS"]
        same = (
            other.con_id == order.con_id
            and other.side == order.side
            and other.quantity == order.quantity
            and (None if other.is_collared else other.price) == (None if order.is_collared else order.limit_price)
            and other.stop_price == order.stop_price
        )
        if young and same and not other.is_settling:
            return True
    return False


def rates(seen: Facts, limits: Limits) -> set[str]:
    found = set()
    if seen.orders_last_second >= limits["MAX_ORDERS_PER_SECOND"]:
        found.add("ORDER_BURST")
    if seen.orders_last_minute >= limits["MAX_ORDERS_PER_MINUTE"]:
        found.add("ORDER_RATE")
    if seen.orders_today >= limits["MAX_ORDERS_PER_DAY"]:
        found.add("ORDERS_TODAY")
    return found


def closing(order: Intent, seen: Facts, limits: Limits) -> set[str]:
    found = common(order, seen)
    if not quote_codes(seen, limits):
        found |= collar_codes(order, seen, limits)
    if order.purpose.value != FLATTEN:
        found |= rates(seen, limits)
    if repeated(order, seen, limits):
        found.add("DUPLICATE")
    if order.purpose.value == "exit" and any(exit_meets(order, other, seen) for other in seen.open_orders):
        found.add("SELF_CROSS")
    if isinstance(seen.holdings, Unknown):
        return found | {"DATA_UNKNOWN"}
    position = sum((row.quantity for row in seen.holdings.value if row.con_id == order.con_id), Decimal(0))
    room = position if order.side.value == "SELL" else -position
    if room < 0:
        room = Decimal(0)
    for other in seen.open_orders:
        closes = other.purpose.value in ("exit", "protective", "flatten")
        together = order.oca_group != "" and other.oca_group == order.oca_group
        if other.con_id == order.con_id and other.side == order.side and closes and not together:
            room -= other.remaining
    room += order.parent_quantity or 0
    if order.quantity > room:
        found.add("REDUCE_ONLY")
    return found


def entering(order: Intent, seen: Facts, limits: Limits) -> set[str]:
    found = common(order, seen) | quote_codes(seen, limits) | collar_codes(order, seen, limits) | rates(seen, limits)
    if seen.clock_skew > 2 or seen.clock_skew < -2:
        found.add("CLOCK_SKEW")
    if seen.broker_clock_offset is not None and not -2 <= seen.broker_clock_offset <= 2:
        found.add("CLOCK_SKEW")
    if seen.watched_at is None:
        found.add("LOSSES_NOT_WATCHED")
    else:
        unwatched = (seen.now - seen.watched_at).total_seconds()
        if unwatched > 180 or unwatched < -2:
            found.add("LOSSES_NOT_WATCHED")
    if seen.restriction:
        found.add("INSTRUMENT_RESTRICTED")
    if seen.break_problem:
        found.add("INSTRUMENT_LOCKED")
    if isinstance(seen.market_is_open, Unknown):
        found.add("DATA_UNKNOWN")
    else:
        says_closed = not isinstance(seen.broker_says_open, Unknown) and seen.broker_says_open.value is False
        if not order.outside_regular_hours and (seen.market_is_open.value is False or says_closed):
            found.add("MARKET_CLOSED")
    if not isinstance(seen.quote, Unknown) and seen.quote.value.is_halted:
        found.add("EXCHANGE_HALTED")
    working = [other for other in seen.open_orders if not other.is_settling]
    if len(working) >= limits["MAX_OPEN_ORDERS"]:
        found.add("OPEN_ORDERS")
    if repeated(order, seen, limits):
        found.add("DUPLICATE")
    entries = [other for other in seen.open_orders if other.purpose.value in ("entry", "correction")]
    if seen.orders_today + 1 > limits["MAX_ORDER_TO_TRADE"] * (seen.traded_today or 1):
        found.add("ORDER_TO_TRADE")
    if any(trades_with(order, other, seen) for other in seen.open_orders):
        found.add("SELF_CROSS")
    if limits["MAX_ORDER_QUANTITY"] is not None and order.quantity > limits["MAX_ORDER_QUANTITY"]:
        found.add("ORDER_QUANTITY")
    volume = None if isinstance(seen.average_volume, Unknown) else seen.average_volume.value
    if volume is not None and order.quantity > volume * limits["MAX_VOLUME_SHARE"]:
        found.add("VOLUME_SHARE")
    return found | money(order, seen, limits, entries) | counted(order, seen, limits, entries)


def trades_with(order: Intent, other: OpenOrder, seen: Facts) -> bool:
    if other.con_id != order.con_id or other.side == order.side or other.is_settling:
        return False
    if other.purpose.value in ("entry", "correction"):
        return True
    if isinstance(seen.quote, Unknown) or other.stop_price is not None or other.price is None:
        return False
    mine = pays(order, seen)
    buyer, seller = (mine, other.price) if order.side.value == "BUY" else (other.price, mine)
    return mine is not None and buyer >= seller


def exit_meets(order: Intent, other: OpenOrder, seen: Facts) -> bool:
    """Both wait at a limit, the prices cross, and nobody else in the market is better."""
    if other.con_id != order.con_id or other.side == order.side or other.is_settling:
        return False
    if other.purpose.value not in ("entry", "correction"):
        return False
    if order.limit_price is None or order.stop_price is not None or other.price is None or other.stop_price is not None:
        return False
    buyer, seller = (order, other) if order.side.value == "BUY" else (other, order)
    bid = buyer.limit_price if buyer is order else other.price
    ask = seller.limit_price if seller is order else other.price
    if bid < ask:
        return False
    if isinstance(seen.quote, Unknown):
        return True
    best = touch(order, seen)
    return other.price <= best if order.side.value == "BUY" else other.price >= best


def counted(order: Intent, seen: Facts, limits: Limits, entries: list) -> set[str]:
    if isinstance(seen.holdings, Unknown):
        return {"DATA_UNKNOWN"}
    instruments = {row.con_id for row in seen.holdings.value if row.quantity != 0} | {o.con_id for o in entries}
    too_many = len(instruments | {order.con_id}) > limits["MAX_POSITIONS"]
    return {"POSITION_COUNT"} if too_many and order.con_id not in instruments else set()


def money(order: Intent, seen: Facts, limits: Limits, entries: list) -> set[str]:
    found: set[str] = set()
    buying = order.side.value == "BUY"
    cash_is_asked_for = buying or order.right == "P"
    if isinstance(seen.equity, Unknown):
        found.add("DATA_UNKNOWN")
    else:
        if seen.equity.value <= 0:
            found.add("EQUITY_NOT_POSITIVE")
        if (seen.now - seen.equity.as_of).total_seconds() > limits["MAX_ACCOUNT_AGE"]:
            found.add("ACCOUNT_STALE")
    if cash_is_asked_for and isinstance(seen.available_funds, Unknown):
        found.add("DATA_UNKNOWN")
    if isinstance(seen.quote, Unknown) or isinstance(seen.exchange_rate, Unknown):
        return found | {"DATA_UNKNOWN"}
    candidates = [price for price in (order.limit_price, order.stop_price) if price] + [touch(order, seen)]
    if order.sec_type in ("OPT", "FOP") and not buying:
        if order.strike is None:
            return found | {"DATA_UNKNOWN"}
        candidates.append(order.strike)
    each = max(candidates) * order.multiplier / order.price_magnifier * seen.exchange_rate.value
    worth = each * order.quantity
    cash_for = [other for other in entries if other.side.value == "BUY" or other.right == "P"]
    if cash_is_asked_for and not isinstance(seen.available_funds, Unknown):
        if any(other.value is None for other in cash_for):
            found.add("DATA_UNKNOWN")
        elif (worth + sum(o.value for o in cash_for)) * limits["FUNDS_MARGIN"] > seen.available_funds.value:
            found.add("FUNDS")
    if isinstance(seen.equity, Unknown):
        return found
    base = seen.equity.value
    if limits["TOTAL_CAPITAL"] is not None and limits["TOTAL_CAPITAL"] < base:
        base = limits["TOTAL_CAPITAL"]
    if base > 0 and worth > base * limits["MAX_ORDER_VALUE"]:
        found.add("ORDER_VALUE")
    if isinstance(seen.holdings, Unknown):
        return found
    sign = 1 if buying else -1
    held = sum((row.quantity for row in seen.holdings.value if row.con_id == order.con_id), Decimal(0))
    after = held + sign * order.quantity
    for other in entries:
        if other.con_id == order.con_id and other.side == order.side:
            after += sign * other.remaining
    shrinks = abs(after) <= abs(held) and (after == 0 or held == 0 or (after > 0) == (held > 0))
    share = limits["MAX_POSITION_SHARE"]
    if after < 0:
        share = min(share, limits["MAX_SHORT_SHARE"])
    if order.sec_type in ("OPT", "FOP"):
        share = min(share, limits["MAX_OPTION_SHARE"])
    if base > 0 and not shrinks and abs(after) * each > base * share:
        found.add("POSITION_SHARE")
    valued = chain((row.value for row in seen.holdings.value if row.quantity), (o.value for o in entries))
    if any(value is None for value in valued):
        return found | {"DATA_UNKNOWN"}
    if base > 0:
        found |= exposures(order, seen, limits, entries, worth, base)
    return found


def exposures(order: Intent, seen: Facts, limits: Limits, entries: list, worth: Decimal, base: Decimal) -> set[str]:
    found = set()
    this = (order.con_id, order.side.value, worth)
    before = [(o.con_id, o.side.value, o.value) for o in entries]
    gross_before, gross_after = gross(seen, before), gross(seen, [*before, this])
    if gross_after > gross_before and gross_after > base * limits["MAX_GROSS_EXPOSURE"]:
        found.add("GROSS_EXPOSURE")
    everything = sum((row.value for row in seen.holdings.value if row.value is not None), Decimal(0))
    same = sum(value for _, side, value in [*before, this] if side == order.side.value)
    net = everything + same if order.side.value == "BUY" else same - everything
    if net > 0 and net > base * limits["MAX_NET_EXPOSURE"]:
        found.add("NET_EXPOSURE")
    return found


def gross(seen: Facts, orders: list[tuple[int, str, Decimal]]) -> Decimal:
    """For every instrument the worst of: nothing is filled, all purchases are, all sales are."""
    total = Decimal(0)
    for con_id in {row.con_id for row in seen.holdings.value} | {order[0] for order in orders}:
        now = sum((r.value for r in seen.holdings.value if r.con_id == con_id and r.value is not None), Decimal(0))
        bought = now + sum(value for known, side, value in orders if known == con_id and side == "BUY")
        sold = now - sum(value for known, side, value in orders if known == con_id and side == "SELL")
        written = sum((row.owed for row in seen.holdings.value if row.con_id == con_id), Decimal(0))
        if written > 0 and written > -now:
            sold = -written - (now - sold)
        total += max(abs(now), abs(bought) if bought > 0 else 0, abs(sold) if sold < 0 else 0)
    return total
