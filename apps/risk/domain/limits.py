"""The catalogue of limits: what each means, its default, and which way is tighter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.risk.choices import LimitName as N


class Unit(StrEnum):
    FRACTION = "fraction"
    AMOUNT = "amount in the account's currency"
    COUNT = "count"
    SECONDS = "seconds"
    FACTOR = "factor"


class Tighter(StrEnum):
    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True)
class LimitKind:
    """`default` None: no limit until somebody sets one. `is_personal`: only a person may change it, whatever way."""

    name: N
    unit: Unit
    default: Decimal | None
    lowest: Decimal
    highest: Decimal | None
    origin: str
    tighter: Tighter = Tighter.LOWER
    is_personal: bool = False

    def is_tighter(self, value: Decimal, than: Decimal | None) -> bool:
        """Also when nothing was limited before."""
        if than is None:
            return True
        return value < than if self.tighter is Tighter.LOWER else value > than

    def shown(self, value: Decimal | None) -> str:
        """For people, with its unit."""
        if value is None:
            return "none"
        match self.unit:
            case Unit.FRACTION:
                return f"{(value * 100).normalize():f}\N{NO-BREAK SPACE}%"
            case Unit.AMOUNT:
                return f"{value:,.2f}"
            case Unit.SECONDS:
                return f"{value.normalize():f}\N{NO-BREAK SPACE}s"
            case Unit.FACTOR:
                return f"{value.normalize():f} times"
        return f"{value.normalize():f}"


RTS6 = "MiFID II RTS 6, article 15"
RTS9 = "MiFID II RTS 9"
RULE = "SEC rule 15c3-5"
OWN = "AiStock's risk manager"
IB = "Interactive Brokers' own limit"


def kind(
    name: N,
    unit: Unit,
    default: str | None,
    origin: str,
    *,
    lowest: str = "0",
    highest: str | None = None,
    tighter: Tighter = Tighter.LOWER,
    is_personal: bool = False,
) -> LimitKind:
    as_decimal = Decimal(default) if default is not None else None
    upper = Decimal(highest) if highest is not None else None
    return LimitKind(name, unit, as_decimal, Decimal(lowest), upper, origin, tighter, is_personal)


F, A, C, S, X = Unit.FRACTION, Unit.AMOUNT, Unit.COUNT, Unit.SECONDS, Unit.FACTOR
CATALOGUE: dict[N, LimitKind] = {
    found.name: found
    for found in (
        kind(N.TOTAL_CAPITAL, A, None, OWN, lowest="0.01", is_personal=True),
        kind(N.MAX_DAILY_LOSS, F, "0.03", OWN, lowest="0.001", highest="0.20", is_personal=True),
        kind(N.REDUCING_DAILY_LOSS, F, "0.02", RULE, lowest="0.001", highest="0.20", is_personal=True),
        kind(N.MAX_DRAWDOWN_LIMIT, F, "0.15", OWN, lowest="0.01", highest="0.50", is_personal=True),
        kind(N.MAX_ORDER_VALUE, F, "0.02", f"{RTS6}(1)b; {RULE}", highest="1"),
        kind(N.MAX_ORDER_QUANTITY, C, None, f"{RTS6}(1)c", lowest="0.000001"),
        kind(N.MAX_VOLUME_SHARE, F, "0.01", f"{RTS6}(1)c", highest="1"),
        kind(N.PRICE_COLLAR, F, "0.03", f"{RTS6}(1)a", highest="1"),
        kind(N.CURRENCY_PRICE_COLLAR, F, "0.01", f"{RTS6}(1)a", highest="1"),
        kind(N.MAX_QUOTE_AGE, S, "5", RULE, highest="3600"),
        kind(N.DELAYED_QUOTES, C, "0", OWN, highest="1"),
        kind(N.MAX_PRICE_DRIFT, F, "0.01", OWN, highest="1"),
        kind(N.MAX_ACCOUNT_AGE, S, "240", "IB states account values every three minutes", highest="3600"),
        kind(N.MAX_POSITION_SHARE, F, "0.25", OWN, highest="10"),
        kind(N.MAX_SHORT_SHARE, F, "0.10", f"{RTS6}(4)", highest="10"),
        kind(N.MAX_OPTION_SHARE, F, "0.10", f"{RTS6}(4)", highest="10"),
        kind(N.FUNDS_MARGIN, X, "1.01", OWN, lowest="1", highest="10", tighter=Tighter.HIGHER),
        kind(N.MAX_OPEN_ORDERS, C, "15", IB, lowest="0", highest="1000"),
        kind(N.MAX_ORDERS_PER_SECOND, C, "10", f"{RTS6}(1)d", highest="40"),
        kind(N.MAX_ORDERS_PER_MINUTE, C, "30", f"{RTS6}(1)d", highest="2400"),
        kind(N.MAX_ORDERS_PER_DAY, C, "1500", f"{RTS6}(1)d"),
        kind(N.ORDER_TO_TRADE_WARNING, X, "10", RTS9, lowest="1"),
        kind(N.MAX_ORDER_TO_TRADE, X, "15", RTS9, lowest="1"),
        kind(N.DUPLICATE_SECONDS, S, "2", RULE, highest="86400", tighter=Tighter.HIGHER),
        kind(N.MAX_POSITIONS, C, "50", OWN),
        kind(N.MAX_GROSS_EXPOSURE, F, "2", f"{RTS6}(4)", highest="20"),
        kind(N.MAX_NET_EXPOSURE, F, "1", f"{RTS6}(4)", highest="20"),
        kind(N.MAX_CONSECUTIVE_REJECTS, C, "5", RULE, lowest="1"),
        kind(N.MAX_LOSS_STREAK, C, "8", OWN, lowest="1"),
        kind(N.MAX_ROUND_TRIPS_PER_HOUR, C, "20", f"{RTS6}(3)", lowest="1"),
    )
}


def tightest(name: N, values: Iterable[Decimal | None]) -> Decimal | None:
    """Of the values that apply the one that allows least; None (no limit) where none is set."""
    limit = CATALOGUE[name]
    best: Decimal | None = None
    for value in values:
        if value is not None and limit.is_tighter(value, best):
            best = value
    return best


Limits = Mapping[N, Decimal | None]


def defaults() -> dict[N, Decimal | None]:
    return {name: limit.default for name, limit in CATALOGUE.items()}
