"""From target weights to whole shares: pure arithmetic on money, hence Decimals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from apps.strategies.choices import Action

ZERO = Decimal(0)
# A third of 300 at a price of 1 is 100 shares, not 99.
GUARD = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Quotation:
    """`quoted` in `unit`, as the exchange quotes it (GBX where it is pence); `in_base` in the account's currency."""

    quoted: Decimal
    in_base: Decimal
    source: str
    unit: str


@dataclass(frozen=True, slots=True)
class FundLine:
    """One tradable line, held or not. `value` in the account's currency, None when it is not known."""

    con_id: int
    name: str
    currency: str
    quantity: Decimal
    value: Decimal | None
    quotation: Quotation | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something held or wanted. `lines`: those held, the largest first; or the one to buy."""

    symbol: str
    target_weight: Decimal
    lines: tuple[FundLine, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Trade:
    """`shares` to trade of one line; `value` in the account's currency."""

    symbol: str
    line: FundLine
    action: Action
    shares: Decimal
    current_weight: Decimal
    target_weight: Decimal
    quotation: Quotation
    reason: str

    @property
    def weight_diff(self) -> Decimal:
        return self.target_weight - self.current_weight

    @property
    def value(self) -> Decimal:
        return self.shares * self.quotation.in_base


@dataclass(frozen=True, slots=True)
class Advice:
    """Trades by action, then difference. `warnings`: what was held for want of a number, and other doubts."""

    trades: tuple[Trade, ...]
    warnings: tuple[str, ...]

    @property
    def buys(self) -> list[Trade]:
        return [trade for trade in self.trades if trade.action is Action.BUY]

    @property
    def sells(self) -> list[Trade]:
        return [trade for trade in self.trades if trade.action is Action.SELL]

    @property
    def buy_value(self) -> Decimal:
        return sum((trade.value for trade in self.buys), ZERO)

    @property
    def sell_value(self) -> Decimal:
        return sum((trade.value for trade in self.sells), ZERO)

    @property
    def net_cash_flow(self) -> Decimal:
        """Sells - buys."""
        return self.sell_value - self.buy_value


def advise(equity: Decimal, cash: Decimal, threshold: Decimal, candidates: Iterable[Candidate]) -> Advice:
    """What to trade so that the weights come within `threshold` of their targets."""
    trades: list[Trade] = []
    warnings: list[str] = []
    for candidate in candidates:
        found, warning = trades_of(candidate, equity, threshold)
        trades += found
        warnings += [warning] if warning else []
    advice = Advice(tuple(sorted(trades, key=order_of_rows)), tuple(warnings))
    missing = -(cash + advice.net_cash_flow)
    if advice.buys and missing > 0:
        text = f"The buys cost {missing:,.2f} more than the cash and the sells provide."
        return Advice(advice.trades, (*advice.warnings, text))
    return advice


def order_of_rows(trade: Trade) -> tuple[str, Decimal, str, int]:
    return (trade.action.value, trade.weight_diff, trade.symbol, trade.line.con_id)


def trades_of(candidate: Candidate, equity: Decimal, threshold: Decimal) -> tuple[list[Trade], str]:
    """The trades of one candidate, or none and a warning that says why it is held."""
    values = [line.value for line in candidate.lines if line.value is not None]
    if len(values) < len(candidate.lines):
        return [], f"HOLD {candidate.symbol}: what is held of it is worth an unknown amount in the account's currency."
    current = sum(values, ZERO) / equity
    if abs(candidate.target_weight - current) < threshold:
        return [], ""
    unpriced = [line for line in candidate.lines if line.quotation is None]
    if unpriced:
        return [], f"HOLD {candidate.symbol}: no price. {unpriced[0].note}".strip()
    amount = (candidate.target_weight - current) * equity
    return (buy if amount > 0 else sell)(candidate, current, abs(amount))


def buy(candidate: Candidate, current: Decimal, amount: Decimal) -> tuple[list[Trade], str]:
    """Of the line that is held already, the largest if there are several."""
    line = candidate.lines[0]
    shares = whole_shares(amount, line)
    return trade(candidate, line, Action.BUY, shares, current), ""


def sell(candidate: Candidate, current: Decimal, amount: Decimal) -> tuple[list[Trade], str]:
    """The largest line first, never more than it holds; what shall be left entirely is sold to the last share."""
    trades: list[Trade] = []
    for line in candidate.lines:
        held = max(ZERO, line.quantity)
        shares = held if candidate.target_weight == 0 else min(whole_shares(amount, line), held)
        sold = trade(candidate, line, Action.SELL, shares, current)
        amount -= sum((each.value for each in sold), ZERO)
        trades += sold
    return trades, ""


def whole_shares(amount: Decimal, line: FundLine) -> Decimal:
    if line.quotation is None or amount <= 0:
        return ZERO
    return (amount / line.quotation.in_base + GUARD).to_integral_value(ROUND_FLOOR)


def trade(candidate: Candidate, line: FundLine, action: Action, shares: Decimal, current: Decimal) -> list[Trade]:
    if shares <= 0 or line.quotation is None:
        return []
    target = candidate.target_weight
    reason = f"{candidate.reason}: {current:.1%} to {target:.1%}"
    return [Trade(candidate.symbol, line, action, shares, current, target, line.quotation, reason)]


def largest_first(lines: Sequence[FundLine]) -> tuple[FundLine, ...]:
    return tuple(sorted(lines, key=lambda line: (-abs(line.value or ZERO), line.con_id)))
