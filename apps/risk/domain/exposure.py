"""What the account would hold and owe. Open orders count at once, as if they were filled."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from apps.broker.choices import Side
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName
from apps.risk.domain import prices
from apps.risk.domain.facts import Facts, Holding, Intent, OpenOrder, Reason
from apps.risk.domain.limits import Limits
from tradeops.lib.known import Known, Unknown

ZERO = Decimal(0)


def equity(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    for what, value in (("net liquidation", facts.equity), ("the positions", facts.holdings)):
        if isinstance(value, Unknown):
            yield _unknown(what, value)
    if isinstance(facts.equity, Unknown):
        return
    if facts.equity.value <= 0:
        yield Reason(Code.EQUITY_NOT_POSITIVE, f"Net liquidation is {facts.equity.value:f}.")
    age, limit = (facts.now - facts.equity.as_of).total_seconds(), limits[LimitName.MAX_ACCOUNT_AGE]
    if limit is not None and age > limit:
        yield Reason(
            Code.ACCOUNT_STALE,
            f"Net liquidation is {age:.0f} s old, {limit:f} s are allowed.",
            {"age": age, "limit": str(limit)},
        )


def order_size(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown):
        yield _unknown("what the order is worth", worth)
    elif isinstance(facts.equity, Known):
        yield from _share(
            Code.ORDER_VALUE, "The order is worth", worth.value, facts.equity.value, limits[LimitName.MAX_ORDER_VALUE]
        )
    most = limits[LimitName.MAX_ORDER_QUANTITY]
    if most is not None and intent.quantity > most:
        yield Reason(
            Code.ORDER_QUANTITY,
            f"The quantity {intent.quantity:f} is above {most:f}.",
            {"quantity": str(intent.quantity), "limit": str(most)},
        )
    share = limits[LimitName.MAX_VOLUME_SHARE]
    if share is not None and isinstance(facts.average_volume, Known):
        allowed = facts.average_volume.value * share
        if intent.quantity > allowed:
            yield Reason(
                Code.VOLUME_SHARE,
                f"The quantity {intent.quantity:f} is above {share:.1%} of the 20-day volume ({allowed:.0f}).",
                {"quantity": str(intent.quantity), "allowed": str(allowed)},
            )


def position_share(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """The instrument's position once this and its open orders are filled, valued at the order's price."""
    if isinstance(facts.holdings, Unknown) or isinstance(facts.equity, Unknown):
        return
    unit = unit_value(intent, facts)
    if isinstance(unit, Unknown):
        return
    held = sum((holding.quantity for holding in facts.holdings.value if holding.con_id == intent.con_id), ZERO)
    pending = [order for order in facts.open_orders if order.con_id == intent.con_id and not order.is_closing]
    after = held + sum((_signed(order) for order in pending), ZERO) + intent.signed_quantity
    if abs(after) <= abs(held) and after * held >= 0:
        return
    limit = limits[LimitName.MAX_POSITION_SHARE]
    name = f"The position in {intent.symbol} would be worth"
    yield from _share(Code.POSITION_SHARE, name, abs(after) * unit.value, facts.equity.value, limit)


def funds(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """A buyer needs the cost times the margin, besides what open buy orders will take."""
    factor = limits[LimitName.FUNDS_MARGIN]
    if intent.side is not Side.BUY or factor is None:
        return
    if isinstance(facts.available_funds, Unknown):
        yield _unknown("the available funds", facts.available_funds)
        return
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown):
        return
    buying = [order for order in facts.open_orders if order.side is Side.BUY and not order.is_closing]
    if any(order.value is None for order in buying):
        yield _unknown("what the open orders will cost", Unknown("one of them cannot be valued"))
        return
    needed = (worth.value + sum((order.value or ZERO for order in buying), ZERO)) * factor
    if needed > facts.available_funds.value:
        yield Reason(
            Code.FUNDS,
            f"{needed:.2f} are needed with open orders, {facts.available_funds.value:.2f} are available.",
            {"needed": str(needed), "available": str(facts.available_funds.value)},
        )


def position_count(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    most = limits[LimitName.MAX_POSITIONS]
    if most is None or isinstance(facts.holdings, Unknown):
        return
    held = {holding.con_id for holding in facts.holdings.value if holding.quantity}
    held |= {order.con_id for order in facts.open_orders if not order.is_closing}
    if intent.con_id not in held and len(held) + 1 > most:
        yield Reason(
            Code.POSITION_COUNT,
            f"{len(held)} positions are held or ordered, {most:f} are allowed.",
            {"held": len(held), "limit": str(most)},
        )


def gross_and_net(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown) or isinstance(facts.holdings, Unknown) or isinstance(facts.equity, Unknown):
        return
    values = _signed_values(facts.holdings.value, facts.open_orders)
    if values is None:
        yield _unknown("the exposure", Unknown("a position or an open order cannot be valued"))
        return
    signed = worth.value if intent.side is Side.BUY else -worth.value
    by_instrument = dict(values)
    by_instrument[intent.con_id] = by_instrument.get(intent.con_id, ZERO) + signed
    gross, net = sum(map(abs, by_instrument.values()), ZERO), sum(by_instrument.values(), ZERO)
    before_gross, before_net = sum(map(abs, values.values()), ZERO), sum(values.values(), ZERO)
    if gross > before_gross:
        limit = limits[LimitName.MAX_GROSS_EXPOSURE]
        yield from _share(Code.GROSS_EXPOSURE, "Gross exposure would be", gross, facts.equity.value, limit)
    if abs(net) > abs(before_net):
        limit = limits[LimitName.MAX_NET_EXPOSURE]
        yield from _share(Code.NET_EXPOSURE, "Net exposure would be", abs(net), facts.equity.value, limit)


def reduces(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Never across zero, also when every other closing order of the instrument is filled, its own OCA group aside."""
    if isinstance(facts.holdings, Unknown):
        yield _unknown("the positions", facts.holdings)
        return
    held = sum((holding.quantity for holding in facts.holdings.value if holding.con_id == intent.con_id), ZERO)
    closable = held if intent.side is Side.SELL else -held
    others = (
        order.remaining
        for order in facts.open_orders
        if order.con_id == intent.con_id
        and order.is_closing
        and order.side is intent.side
        and not (intent.oca_group and order.oca_group == intent.oca_group)
    )
    left = max(closable, ZERO) - sum(others, ZERO) + (intent.parent_quantity or ZERO)
    if intent.quantity > left:
        yield Reason(
            Code.REDUCE_ONLY,
            f"{intent.side.label} {intent.quantity:f} {intent.symbol} would close more than the "
            f"{max(left, ZERO):f} that are held and not being closed already.",
            {"held": str(held), "left": str(left)},
        )


def unit_value(intent: Intent, facts: Facts) -> Known[Decimal] | Unknown:
    """One unit in the account's currency."""
    price = prices.worst_price(intent, facts)
    if isinstance(price, Unknown):
        return price
    if isinstance(facts.exchange_rate, Unknown):
        return facts.exchange_rate
    worth = price.value * intent.multiplier / intent.price_magnifier * facts.exchange_rate.value
    return Known(worth, min(price.as_of, facts.exchange_rate.as_of))


def order_value(intent: Intent, facts: Facts) -> Known[Decimal] | Unknown:
    unit = unit_value(intent, facts)
    return unit if isinstance(unit, Unknown) else Known(unit.value * intent.quantity, unit.as_of)


def _signed(order: OpenOrder) -> Decimal:
    return order.remaining if order.side is Side.BUY else -order.remaining


def _signed_values(holdings: tuple[Holding, ...], orders: tuple[OpenOrder, ...]) -> dict[int, Decimal] | None:
    values: dict[int, Decimal] = {}
    for con_id, value in [
        *((holding.con_id, holding.value) for holding in holdings if holding.quantity),
        *((order.con_id, _signed_value(order)) for order in orders if not order.is_closing),
    ]:
        if value is None:
            return None
        values[con_id] = values.get(con_id, ZERO) + value
    return values


def _signed_value(order: OpenOrder) -> Decimal | None:
    if order.value is None:
        return None
    return order.value if order.side is Side.BUY else -order.value


def _share(code: Code, name: str, worth: Decimal, of_equity: Decimal, limit: Decimal | None) -> Iterator[Reason]:
    if limit is None or of_equity <= 0 or worth <= limit * of_equity:
        return
    yield Reason(
        code,
        f"{name} {worth:.2f}, {worth / of_equity:.1%} of net liquidation; {limit:.1%} are allowed.",
        {"value": str(worth), "equity": str(of_equity), "limit": str(limit)},
    )


def _unknown(what: str, value: Unknown) -> Reason:
    return Reason(Code.DATA_UNKNOWN, f"Nobody knows {what}: {value.reason}.", {"what": what})
