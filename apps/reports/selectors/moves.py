"""What came into the account and went out of it: executions, and what no execution tells of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.broker.choices import HoldingChangeKind, Side
from apps.broker.models import Account, Execution, HoldingChange, Instrument
from apps.reports.domain.attribution import Moved
from apps.reports.domain.rates import ExchangeRates
from apps.reports.selectors.trades import executions_of


@dataclass(frozen=True, slots=True)
class Moves:
    """`instruments` by primary key."""

    moves: list[Moved]
    instruments: dict[int, Instrument]


def moved_between(*, account: Account, after: datetime, until: datetime, rates: ExchangeRates) -> Moves:
    """Two queries, however many there are."""
    executions = list(executions_of(account).filter(executed_at__gt=after, executed_at__lte=until))
    changes = HoldingChange.objects.filter(account=account, at__gt=after, at__lte=until).select_related("instrument")
    others = list(changes.exclude(kind=HoldingChangeKind.OPENING))
    moves = [*(_executed(row, rates) for row in executions), *(_changed(row) for row in others)]
    instruments = {row.instrument_id: row.instrument for row in executions}
    instruments |= {row.instrument_id: row.instrument for row in others}
    return Moves(moves, instruments)


def _executed(row: Execution, rates: ExchangeRates) -> Moved:
    return Moved(
        instrument=row.instrument_id,
        at=row.executed_at,
        quantity=row.quantity if row.side == Side.BUY else -row.quantity,
        price=row.price * _worth(row.instrument),
        commission=_commission(row, rates),
    )


def _changed(row: HoldingChange) -> Moved:
    price = None if row.price is None else row.price * _worth(row.instrument)
    return Moved(instrument=row.instrument_id, at=row.at, quantity=row.quantity, price=price)


def _worth(instrument: Instrument) -> Decimal:
    """The money that one point of the price of one unit is."""
    return instrument.multiplier / instrument.price_magnifier


def _commission(row: Execution, rates: ExchangeRates) -> Decimal | None:
    """In the instrument's currency; None while it is not reported, and where there is no exchange rate for it."""
    paid = getattr(row, "commission", None)
    if paid is None:
        return None
    return rates.convert(paid.amount, paid.currency, row.instrument.currency, row.executed_at.date())
