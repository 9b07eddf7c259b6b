"""The day's profit and loss without payments: from the equity, and from what the broker says. Pure.

Payments are no gain and no loss. What the day is measured against is shifted by them, as in a Modified Dietz return
with payments weighted as at the start (GIPS, "Calculation of returns"):

    profit and loss = equity - (start + payments),    loss = -(profit and loss) / (start + payments)

The broker states its own profit and loss of the day, which payments do not touch. Equity less that figure is what the
day began with; it moves only by payments. So a payment that nobody has booked shows as a move of this implied start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

NOTHING = Decimal(0)
# Of the day's start: what the two ways of counting may differ by costs, interest and prices of another moment.
UNEXPLAINED = Decimal("0.01")
# The broker begins its day anew: its figure falls to less than this share, while the equity stays.
RESTARTED = Decimal("0.1")
STAYED = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Payment:
    """Paid in (positive) or out, in the account's currency, from this moment in the equity."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ImpliedStart:
    """Equity less the broker's profit and loss of the day, when that was first seen on this day (`at`).

    `daily` is the broker's figure as it was seen last.
    """

    at: datetime
    equity: Decimal
    daily: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """Amounts in the account's currency. `start` at `start_at`; `stated`: the broker's profit and loss since then,
    None where it is not known or cannot be believed."""

    start: Decimal
    equity: Decimal
    payments: Decimal
    stated: Decimal | None

    @property
    def counted(self) -> Decimal:
        """equity - (start + payments)."""
        return self.equity - self.start - self.payments

    @property
    def unexplained(self) -> Decimal:
        """What the equity moved by beside booked payments and the broker's figure; 0 within 1 % of the start."""
        if self.stated is None:
            return NOTHING
        moved = self.counted - self.stated
        return moved if abs(moved) >= UNEXPLAINED * abs(self.start) else NOTHING

    @property
    def pnl(self) -> Decimal:
        """The broker's figure where it is known: no payment, booked or not, is a loss or hides one."""
        return self.counted if self.stated is None else self.stated

    @property
    def base(self) -> Decimal:
        """start + payments; what seems to have been paid out unbooked counts too, what seems paid in does not."""
        return self.start + self.payments + min(self.unexplained, NOTHING)


def paid_since(payments: Iterable[Payment], moment: datetime) -> Decimal:
    return sum((payment.amount for payment in payments if payment.at > moment), NOTHING)


def follow(
    implied: ImpliedStart | None, daily: Decimal, *, equity: Decimal, equity_before: Decimal | None, now: datetime
) -> ImpliedStart:
    """The implied start with the broker's newest figure; moved along when the broker began its day anew meanwhile."""
    if implied is None:
        return ImpliedStart(now, equity - daily, daily)
    start = implied.equity
    if equity_before is not None and has_restarted(implied.daily, daily, moved=equity - equity_before, start=start):
        start += implied.daily
    return ImpliedStart(implied.at, start, daily)


def has_restarted(before: Decimal, daily: Decimal, *, moved: Decimal, start: Decimal) -> bool:
    """Did the figure go back to nothing, while the equity moved by less than half of that?"""
    is_much = abs(before) >= UNEXPLAINED * abs(start) / 4
    return is_much and abs(daily) <= RESTARTED * abs(before) and abs(moved) < STAYED * abs(before)


def stated_pnl(
    implied: ImpliedStart, daily: Decimal, *, start: Decimal, start_at: datetime, payments: Iterable[Payment]
) -> Decimal:
    """daily + (implied start - start) - what was paid between the two moments: the broker's figure since `start_at`."""
    between = sum((payment.amount for payment in payments if start_at < payment.at <= implied.at), NOTHING)
    return daily + implied.equity - start - between


def shifted_peak(peak: Decimal, peak_at: datetime, payments: Iterable[Payment]) -> Decimal:
    """The peak with what was paid since, so that (peak - equity) / peak tells of results alone."""
    return peak + paid_since(payments, peak_at)
