"""Is the quote good enough to judge by, and is the order's price near it?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from apps.broker.choices import OrderType, Side
from apps.risk.choices import DenialCode as Code
from apps.risk.choices import LimitName
from apps.risk.domain.facts import DELAYED_SOURCES, LIVE_SOURCES, Facts, Intent, Quote, Reason
from apps.risk.domain.limits import Limits
from apps.risk.domain.words import in_percent, in_seconds
from tradeops.lib.known import Known, Unknown

FUTURE_ALLOWED = timedelta(seconds=2)
# They move little in a day: a price that is 3 % away is a slip.
NARROW = frozenset({"CASH", "FUT"})
AT_MARKET = frozenset({OrderType.MARKET, OrderType.MARKET_ON_CLOSE, OrderType.MIDPRICE})


def quote(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    yield from quote_problems(intent, facts.quote, facts.now, limits)


def quote_problems(intent: Intent, answer: Known[Quote] | Unknown, now: datetime, limits: Limits) -> Iterator[Reason]:
    if isinstance(answer, Unknown):
        yield Reason(Code.DATA_UNKNOWN, f"Nobody knows a price of {intent.symbol}: {answer.reason}.", {"what": "quote"})
        return
    found = answer.value
    age = now - found.at
    limit = limits[LimitName.MAX_QUOTE_AGE]
    if limit is not None and (age.total_seconds() > limit or age < -FUTURE_ALLOWED):
        yield Reason(
            Code.QUOTE_STALE,
            f"The quote of {intent.symbol} is {_old(age, limit)}",
            {"age": age.total_seconds(), "limit": str(limit)},
            LimitName.MAX_QUOTE_AGE,
        )
    delayed_will_do = found.source in DELAYED_SOURCES and bool(limits[LimitName.DELAYED_QUOTES])
    if found.source not in LIVE_SOURCES and not delayed_will_do:
        yield Reason(
            Code.QUOTE_NOT_LIVE,
            f"The price of {intent.symbol} is not live: {found.source.label.lower()}.",
            {"source": found.source.value},
            LimitName.DELAYED_QUOTES if found.source in DELAYED_SOURCES else None,
        )


def _old(age: timedelta, limit: Decimal) -> str:
    if age < timedelta(0):
        return f"{-age.total_seconds():.1f} s ahead of this machine's clock: synchronise it."
    found, allowed = in_seconds(Decimal(str(age.total_seconds())), limit)
    return f"{found} old, {allowed} are allowed."


def collar(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """A buyer must not pay far more than the market's price nor a seller take far less; the harmless side is free.

    The limit of a market order lay within it when it was proposed; how far the price went since is drift's to judge.
    """
    name = collar_name(intent)
    limit = limits[name]
    if intent.is_collared or limit is None or isinstance(facts.quote, Unknown):
        return
    reference = facts.quote.value.price
    if intent.order_type is OrderType.STOP_LIMIT and intent.stop_price is not None:
        reference = intent.stop_price
    price = accepted_price(intent, facts.quote.value)
    if price is None or reference <= 0:
        return
    worse = (price - reference) / reference if intent.side is Side.BUY else (reference - price) / reference
    if worse > limit:
        too_much, allowed = in_percent(worse, limit)
        yield Reason(
            Code.PRICE_COLLAR,
            f"The price {price:f} is {too_much} worse than {reference:f}, {allowed} are allowed.",
            {"price": str(price), "reference": str(reference), "limit": str(limit)},
            name,
        )


def collar_name(intent: Intent) -> LimitName:
    return LimitName.CURRENCY_PRICE_COLLAR if intent.sec_type in NARROW else LimitName.PRICE_COLLAR


def collared_limit(intent: Intent, found: Quote, limits: Limits) -> Decimal | None:
    """The limit with which a market order pays no more than the collar allows (MiFID II RTS 6, article 15(1)a).

    Rounded to the harmless side, as coarsely as the market's price lets it: dear prices move in larger ticks than the
    least one that the broker states. None where there is no collar, or where none would let the order trade at once.
    """
    allowed = limits[collar_name(intent)]
    if allowed is None or found.price <= 0:
        return None
    width, touch = found.price * allowed, reference_price(intent, found)
    for step in _steps(width, intent.min_tick):
        if intent.side is Side.BUY:
            limit = ((found.price + width) / step).to_integral_value(ROUND_FLOOR) * step
            trades = limit >= touch
        else:
            limit = ((found.price - width) / step).to_integral_value(ROUND_CEILING) * step
            trades = 0 < limit <= touch
        if trades:
            return limit
    return None


def _steps(width: Decimal, tick: Decimal | None) -> Iterator[Decimal]:
    """Coarse to fine: a round number that leaves half of the width, five ticks, one. Where the tick is not known yet,
    the round number alone.
    """
    power = Decimal(1).scaleb((width / 2).adjusted())
    round_number = power * 5 if power * 5 <= width / 2 else power
    if not tick:
        yield round_number
        return
    for step in sorted({round_number, tick * 5, tick}, reverse=True):
        if step == tick or (tick < step <= width and not step % tick):
            yield step


def drift(reference: Decimal, now: Quote, limits: Limits) -> Iterator[Reason]:
    """Whoever approves has the proposal's price before them: the market must still be near it."""
    limit = limits[LimitName.MAX_PRICE_DRIFT]
    if limit is None or reference <= 0:
        return
    moved = abs(now.price - reference) / reference
    if moved > limit:
        too_much, allowed = in_percent(moved, limit)
        yield Reason(
            Code.PRICE_DRIFT,
            f"The price moved by {too_much} from {reference:f} to {now.price:f} since it was proposed, "
            f"{allowed} are allowed.",
            {"reference": str(reference), "price": str(now.price), "limit": str(limit)},
            LimitName.MAX_PRICE_DRIFT,
        )


def collar_of_closing(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Only with a fresh quote: an old one must not keep a position from being closed."""
    if not any(quote(intent, facts, limits)):
        yield from collar(intent, facts, limits)


def unchecked(intent: Intent, facts: Facts, limits: Limits) -> str:
    """What is said of a closing order whose price nobody could look at; empty where it was looked at."""
    if not any(quote(intent, facts, limits)):
        return ""
    needless = " A market order needs none." if intent.order_type in AT_MARKET else ""
    return f"Its price was not checked, for there is no live quote.{needless}"


def tick(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    if not intent.min_tick:
        return
    for name, price in (("limit", intent.limit_price), ("stop", intent.stop_price)):
        if price is not None and price % intent.min_tick:
            yield Reason(
                Code.PRICE_TICK,
                f"The {name} price {price:f} of {intent.symbol} is not a multiple of {intent.min_tick.normalize():f}.",
                {"price": str(price), "tick": str(intent.min_tick)},
            )


def reference_price(intent: Intent, found: Quote) -> Decimal:
    """What it would trade at now: the ask for a buyer, the bid for a seller, else the price."""
    touch = found.ask if intent.side is Side.BUY else found.bid
    return touch if touch is not None and touch > 0 else found.price


def accepted_price(intent: Intent, found: Quote) -> Decimal | None:
    """The worst price that the order takes if it trades now; None where a stop decides later."""
    if intent.limit_price is not None:
        return intent.limit_price
    return reference_price(intent, found) if intent.order_type in AT_MARKET else None


def worst_price(intent: Intent, facts: Facts) -> Known[Decimal] | Unknown:
    """The price to value the order at: the dearer of its limit and the market, so that no order seems cheap."""
    if isinstance(facts.quote, Unknown):
        return Unknown(facts.quote.reason)
    market = reference_price(intent, facts.quote.value)
    return Known(max(market, intent.limit_price or market, intent.stop_price or market), facts.quote.as_of)
