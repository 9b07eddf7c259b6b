"""What the account would hold and owe. Open orders count at once, as if they were filled, where they make it worse:
an order on the other side, which may never be filled, makes room for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from apps.broker.choices import Side
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName
from apps.risk.domain import prices
from apps.risk.domain.facts import OPTIONS, Facts, Intent, Reason
from apps.risk.domain.limits import Limits
from apps.risk.domain.words import in_percent, in_seconds
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
        found, allowed = in_seconds(Decimal(str(age)), limit)
        yield Reason(
            Code.ACCOUNT_STALE,
            f"Net liquidation is {found} old, {allowed} are allowed.",
            {"age": age, "limit": str(limit)},
            LimitName.MAX_ACCOUNT_AGE,
        )


def order_size(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown):
        yield _unknown("what the order is worth", worth)
    elif isinstance(facts.equity, Known):
        base = capital(facts.equity.value, limits)
        yield from _share(Code.ORDER_VALUE, "The order is worth", worth.value, base, LimitName.MAX_ORDER_VALUE, limits)
    most = limits[LimitName.MAX_ORDER_QUANTITY]
    if most is not None and intent.quantity > most:
        yield Reason(
            Code.ORDER_QUANTITY,
            f"The quantity {intent.quantity:f} is above {most:f}.",
            {"quantity": str(intent.quantity), "limit": str(most)},
            LimitName.MAX_ORDER_QUANTITY,
        )
    share = limits[LimitName.MAX_VOLUME_SHARE]
    if share is not None and isinstance(facts.average_volume, Known):
        allowed = facts.average_volume.value * share
        if intent.quantity > allowed:
            yield Reason(
                Code.VOLUME_SHARE,
                f"The quantity {intent.quantity:f} is above {share:.1%} of the 20-day volume ({allowed:.0f}).",
                {"quantity": str(intent.quantity), "allowed": str(allowed)},
                LimitName.MAX_VOLUME_SHARE,
            )


def unchecked(intent: Intent, facts: Facts, limits: Limits) -> str:
    """What is said of an entry whose share of the market nobody could look at: new instruments have no such volume."""
    if limits[LimitName.MAX_VOLUME_SHARE] is None or isinstance(facts.average_volume, Known):
        return ""
    return f"Its share of the 20-day volume was not checked: {facts.average_volume.reason.rstrip('.')}."


def position_share(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """The instrument's position once this and its open orders of the same side are filled, at the order's price."""
    if isinstance(facts.holdings, Unknown) or isinstance(facts.equity, Unknown):
        return
    unit = unit_value(intent, facts)
    if isinstance(unit, Unknown):
        return
    held = sum((holding.quantity for holding in facts.holdings.value if holding.con_id == intent.con_id), ZERO)
    pending = (
        order.signed_remaining
        for order in facts.open_orders
        if order.con_id == intent.con_id and order.side is intent.side and not order.is_closing
    )
    after = held + sum(pending, ZERO) + intent.signed_quantity
    if abs(after) <= abs(held) and after * held >= 0:
        return
    base = capital(facts.equity.value, limits)
    worth = f"The position in {intent.symbol} would be worth"
    name = position_limit(intent, limits, is_short=after < 0)
    yield from _share(Code.POSITION_SHARE, worth, abs(after) * unit.value, base, name, limits)


def position_limit(intent: Intent, limits: Limits, *, is_short: bool) -> LimitName:
    """The tightest of those that apply: every position's, and those of short ones and of options."""
    names = [LimitName.MAX_POSITION_SHARE]
    names += [LimitName.MAX_SHORT_SHARE] if is_short else []
    names += [LimitName.MAX_OPTION_SHARE] if intent.sec_type in OPTIONS else []
    return min(names, key=lambda name: Decimal("Infinity") if (share := limits[name]) is None else share)


def funds(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """A buyer needs the cost times the margin, besides what open orders will take; whoever writes a put the strike."""
    factor = limits[LimitName.FUNDS_MARGIN]
    if not intent.takes_funds or factor is None:
        return
    if isinstance(facts.available_funds, Unknown):
        yield _unknown("the available funds", facts.available_funds)
        return
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown):
        return
    taking = [order for order in facts.open_orders if order.takes_funds and not order.is_closing]
    if any(order.value is None for order in taking):
        yield _unknown("what the open orders will cost", Unknown("one of them cannot be valued"))
        return
    needed = (worth.value + sum((order.value or ZERO for order in taking), ZERO)) * factor
    if needed > facts.available_funds.value:
        yield Reason(
            Code.FUNDS,
            f"{needed:.2f} are needed with open orders, {facts.available_funds.value:.2f} are available.",
            {"needed": str(needed), "available": str(facts.available_funds.value)},
            LimitName.FUNDS_MARGIN,
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
            LimitName.MAX_POSITIONS,
        )


def gross_and_net(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    worth = order_value(intent, facts)
    if isinstance(worth, Unknown) or isinstance(facts.holdings, Unknown) or isinstance(facts.equity, Unknown):
        return
    before = _reaches(facts)
    if before is None:
        yield _unknown("the exposure", Unknown("a position or an open order cannot be valued"))
        return
    signed = worth.value if intent.side is Side.BUY else -worth.value
    base = capital(facts.equity.value, limits)
    yield from _gross(before, intent.con_id, signed, base, limits)
    after = before.get(intent.con_id, Reach()).plus(signed)
    net = _net({**before, intent.con_id: after}, intent.side)
    # A purchase while more is sold short than held brings it nearer to zero.
    if net > 0:
        yield from _share(Code.NET_EXPOSURE, "Net exposure would be", net, base, LimitName.MAX_NET_EXPOSURE, limits)


def _gross(before: dict[int, Reach], con_id: int, signed: Decimal, base: Decimal, limits: Limits) -> Iterator[Reason]:
    after = {**before, con_id: before.get(con_id, Reach()).plus(signed)}
    gross = sum((reach.gross for reach in after.values()), ZERO)
    if gross > sum((reach.gross for reach in before.values()), ZERO):
        yield from _share(
            Code.GROSS_EXPOSURE, "Gross exposure would be", gross, base, LimitName.MAX_GROSS_EXPOSURE, limits
        )


def _net(reaches: dict[int, Reach], side: Side) -> Decimal:
    """How far the whole account could go to that side; negative where it stays on the other."""
    held = sum((reach.held for reach in reaches.values()), ZERO)
    if side is Side.BUY:
        return held + sum((reach.buying for reach in reaches.values()), ZERO)
    return sum((reach.selling for reach in reaches.values()), ZERO) - held


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
    """One unit in the account's currency: of a written option at least the strike, which it obliges to."""
    if intent.is_written and intent.strike is None:
        return Unknown(f"the strike of {intent.symbol} is not known")
    price = prices.worst_price(intent, facts)
    if isinstance(price, Unknown):
        return price
    if isinstance(facts.exchange_rate, Unknown):
        return facts.exchange_rate
    dearest = max(price.value, intent.strike or ZERO) if intent.is_written else price.value
    worth = dearest * intent.multiplier / intent.price_magnifier * facts.exchange_rate.value
    return Known(worth, min(price.as_of, facts.exchange_rate.as_of))


def order_value(intent: Intent, facts: Facts) -> Known[Decimal] | Unknown:
    unit = unit_value(intent, facts)
    return unit if isinstance(unit, Unknown) else Known(unit.value * intent.quantity, unit.as_of)


@dataclass(frozen=True, slots=True)
class Reach:
    """The value held in one instrument, signed, what written options oblige to, and what open orders may add on
    either side."""

    held: Decimal = ZERO
    owed: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        short = max(self.owed, -self.held) if self.owed else -self.held
        return max(abs(self.held), self.held + self.buying, self.selling + short)

    def plus(self, signed: Decimal) -> Reach:
        if signed > 0:
            return replace(self, buying=self.buying + signed)
        return replace(self, selling=self.selling - signed)


def _reaches(facts: Facts) -> dict[int, Reach] | None:
    """By instrument; None where something cannot be valued."""
    if isinstance(facts.holdings, Unknown):
        return None
    reaches: dict[int, Reach] = {}
    for holding in facts.holdings.value:
        if holding.value is None and holding.quantity:
            return None
        known = reaches.get(holding.con_id, Reach())
        held, owed = known.held + (holding.value or ZERO), known.owed + holding.owed
        reaches[holding.con_id] = replace(known, held=held, owed=owed)
    for order in facts.open_orders:
        if order.is_closing:
            continue
        if order.value is None:
            return None
        signed = order.value if order.side is Side.BUY else -order.value
        reaches[order.con_id] = reaches.get(order.con_id, Reach()).plus(signed)
    return reaches


def capital(equity: Decimal, limits: Limits) -> Decimal:
    """What shares are counted of: equity, or the capital set aside for trading where that is less."""
    total = limits[LimitName.TOTAL_CAPITAL]
    return equity if total is None else min(equity, total)


def _share(
    code: Code, what: str, worth: Decimal, of_equity: Decimal, name: LimitName, limits: Limits
) -> Iterator[Reason]:
    limit = limits[name]
    if limit is None or of_equity <= 0 or worth <= limit * of_equity:
        return
    share, allowed = in_percent(worth / of_equity, limit)
    yield Reason(
        code,
        f"{what} {worth:.2f}, {share} of the capital of {of_equity:.2f}; {allowed} are allowed.",
        {"value": str(worth), "equity": str(of_equity), "limit": str(limit)},
        name,
    )


def _unknown(what: str, value: Unknown) -> Reason:
    return Reason(Code.DATA_UNKNOWN, f"Nobody knows {what}: {value.reason}.", {"what": what})
