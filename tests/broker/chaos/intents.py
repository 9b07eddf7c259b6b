"""What a trader may want: orders of all kinds, at prices around the market."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.broker.choices import OrderPurpose, OrderType, Side

TICK = Decimal("0.01")
FAR, NEAR = Decimal("0.4"), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Market:
    symbol: str
    bid: Decimal
    ask: Decimal

    def away(self, side: Side, share: Decimal) -> Decimal:
        """A price so far on the side of the order that it rests; a negative share can be had at once."""
        price = self.bid * (1 - share) if side is Side.BUY else self.ask * (1 + share)
        return price.quantize(TICK)


@dataclass(frozen=True, slots=True)
class Intent:
    """`parent` is the place of the order in its family that it belongs to."""

    kind: str
    symbol: str
    terms: dict[str, Any]
    parent: int | None = None
    group: str = ""


@dataclass(slots=True)
class Wish:
    """Builds families of intents: what is given, and approved, together."""

    chance: random.Random
    market: Market
    key: str
    intents: list[Intent] = field(default_factory=list)

    def add(self, kind: str, side: Side, order_type: OrderType, *, parent: int | None = None, group: str = "",
            **terms: Any) -> None:  # fmt: skip
        terms = {"limit_price": None, "quantity": Decimal(self.chance.randint(2, 12))} | terms
        terms |= {"side": side, "order_type": order_type}
        self.intents.append(Intent(kind, self.market.symbol, terms, parent, group))

    @property
    def side(self) -> Side:
        return self.chance.choice([Side.BUY, Side.SELL])


def resting(wish: Wish) -> None:
    side = wish.side
    wish.add("limit, resting", side, OrderType.LIMIT, limit_price=wish.market.away(side, FAR))


def marketable(wish: Wish) -> None:
    side = wish.side
    wish.add("limit, marketable", side, OrderType.LIMIT, limit_price=wish.market.away(side, -NEAR))


def market(wish: Wish) -> None:
    wish.add("market", wish.side, OrderType.MARKET)


def stop(wish: Wish) -> None:
    """A buy stop rests above the market: what would rest as a limit has been reached as a stop."""
    side = wish.side
    share = wish.chance.choice([-FAR, NEAR])
    wish.add("stop", side, OrderType.STOP, stop_price=wish.market.away(side, share))


def bracket(wish: Wish) -> None:
    side, quantity = wish.side, Decimal(wish.chance.randint(2, 12))
    other = Side.SELL if side is Side.BUY else Side.BUY
    entry, profit = wish.market.away(side, wish.chance.choice([FAR, -NEAR, -NEAR])), wish.chance.choice([FAR, -NEAR])
    common = {"quantity": quantity}
    wish.add("bracket", side, OrderType.LIMIT, limit_price=entry, **common)
    wish.add("bracket", other, OrderType.LIMIT, limit_price=wish.market.away(other, profit), parent=0,
             purpose=OrderPurpose.EXIT, **common)  # fmt: skip
    wish.add("bracket", other, OrderType.STOP, stop_price=wish.market.away(other, -FAR), parent=0,
             purpose=OrderPurpose.PROTECTIVE, **common)  # fmt: skip


def one_cancels_all(wish: Wish) -> None:
    side = wish.side
    for _ in range(wish.chance.randint(2, 3)):
        share = wish.chance.choice([FAR, FAR, -NEAR])
        price = wish.market.away(side, share)
        wish.add("one cancels all", side, OrderType.LIMIT, limit_price=price, group=wish.key)


Kind = Callable[[Wish], None]
KINDS: tuple[Kind, ...] = (resting, resting, marketable, market, stop, bracket, one_cancels_all)
