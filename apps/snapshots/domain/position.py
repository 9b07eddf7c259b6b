"""What one option position was worth at the end of a day, and why what is unknown is unknown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from apps.broker.domain.codes import Meaning
from apps.snapshots.choices import MissingReason
from apps.snapshots.domain import options

GREEKS = ("delta", "theta", "gamma", "vega", "iv")
# What a snapshot may not know. Its trade, its date and its time are always known.
FIELDS = (
    *("current_premium", "current_pnl", "current_pnl_pct", "dte_remaining"),
    *GREEKS,
    *("stock_price", "distance_to_strike_pct", "vix", "spy_price"),
)
REASONS = {
    Meaning.NOT_ENTITLED.value: MissingReason.NO_PERMISSION,
    Meaning.NO_LINES.value: MissingReason.NO_LINES,
}

Number = Decimal | float | int


@dataclass(frozen=True, slots=True)
class Held:
    """An open option trade. `entry_premium` of what is still open, per unit; `contracts` positive."""

    is_long: bool
    contracts: Decimal
    entry_premium: Decimal
    multiplier: Decimal
    price_magnifier: int
    right: str
    strike: Decimal | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Sight:
    """What the broker said of one contract when asked. `price` as quoted: divide by the magnifier for the currency.

    `refusal` is the meaning of what it refused, empty where it refused nothing or a price came in spite of it;
    `was_closed`: its market, by the calendar; `was_answered` False: the question got no answer, `note` says why.
    """

    price: Decimal | None = None
    source: str = ""
    greeks: Mapping[str, float] = field(default_factory=dict)
    refusal: str = ""
    note: str = ""
    was_closed: bool = False
    was_answered: bool = True
    at: datetime | None = None

    @property
    def reason(self) -> MissingReason:
        """Why something that was asked for is not there."""
        if not self.was_answered:
            return MissingReason.NOT_ANSWERED
        if self.refusal:
            return REASONS.get(self.refusal, MissingReason.REFUSED)
        return MissingReason.MARKET_CLOSED if self.was_closed else MissingReason.NOT_SENT


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for many positions of a run. None: the broker knows no such contract."""

    stock: Sight | None
    stock_magnifier: int
    vix: Sight | None
    spy: Sight | None

    @property
    def unanswered(self) -> str:
        """Why a question about them got no answer; empty where all did."""
        sights = (self.stock, self.vix, self.spy)
        return next((sight.note for sight in sights if sight is not None and not sight.was_answered), "")


@dataclass(frozen=True, slots=True)
class Captured:
    """`values` has every one of FIELDS, None where unknown; `missing` says why, by field."""

    values: Mapping[str, Number | None]
    missing: Mapping[str, MissingReason]


def capture(held: Held, day: date, option: Sight, around: Surroundings) -> Captured:
    values: dict[str, Number | None] = dict.fromkeys(FIELDS)
    values |= option.greeks
    values |= _worth(held, option)
    values |= _place(held, day, around)
    values["vix"] = None if around.vix is None or around.vix.price is None else float(around.vix.price)
    values["spy_price"] = None if around.spy is None else around.spy.price
    why = _reasons(held, option, around)
    return Captured(values, {name: why[name] for name in FIELDS if values[name] is None})


def _worth(held: Held, option: Sight) -> dict[str, Number | None]:
    if option.price is None:
        return {}
    premium = option.price / held.price_magnifier
    result = options.profit(
        is_long=held.is_long,
        entry_premium=held.entry_premium,
        premium=premium,
        contracts=held.contracts,
        multiplier=held.multiplier,
    )
    share = options.profit_fraction(
        result=result, entry_premium=held.entry_premium, contracts=held.contracts, multiplier=held.multiplier
    )
    return {"current_premium": premium, "current_pnl": result, "current_pnl_pct": share}


def _place(held: Held, day: date, around: Surroundings) -> dict[str, Number | None]:
    """How far away expiry and strike are."""
    found: dict[str, Number | None] = {}
    if held.expires_on is not None:
        found["dte_remaining"] = options.days_to_expiration(expires_on=held.expires_on, day=day)
    if around.stock is None or around.stock.price is None:
        return found
    found["stock_price"] = price = around.stock.price / around.stock_magnifier
    if held.strike is not None:
        found["distance_to_strike_pct"] = options.distance_to_strike(
            right=held.right, strike=held.strike, stock_price=price
        )
    return found


def _reasons(held: Held, option: Sight, around: Surroundings) -> dict[str, MissingReason]:
    """Why each field would be missing, were it missing."""
    stock = around.stock.reason if around.stock else MissingReason.NOT_ASKED
    stock_is_known = around.stock is not None and around.stock.price is not None
    return {
        **dict.fromkeys(FIELDS, option.reason),
        "current_pnl_pct": MissingReason.NOTHING_PAID if option.price is not None else option.reason,
        "dte_remaining": MissingReason.UNDESCRIBED,
        "stock_price": stock,
        "distance_to_strike_pct": MissingReason.UNDESCRIBED if stock_is_known else stock,
        "vix": around.vix.reason if around.vix else MissingReason.NOT_ASKED,
        "spy_price": around.spy.reason if around.spy else MissingReason.NOT_ASKED,
    }
