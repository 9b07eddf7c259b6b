"""What was held at the end of a period, and what each holding contributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from apps.broker.choices import PriceSource
from apps.broker.models import Account, Instrument
from apps.reports.domain.attribution import Held, contributions
from apps.reports.domain.slippage import EXCLUDED_TYPES
from apps.reports.selectors import equity
from apps.reports.selectors.moves import moved_between
from apps.reports.selectors.names import name_of
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition


@dataclass(frozen=True, slots=True)
class Holding:
    """Money in `currency` (prices too, where the exchange quotes pence), `base_value` in the account's; `weight` a
    fraction of its equity. None: no exchange rate."""

    name: str
    quantity: Decimal
    avg_cost: Decimal
    price: Decimal
    currency: str
    value: Decimal
    unrealized: Decimal
    base_value: Decimal | None
    weight: float | None
    price_source: PriceSource


@dataclass(frozen=True, slots=True)
class Portfolio:
    taken_at: datetime
    equity: Decimal
    cash: Decimal
    currency: str
    holdings: list[Holding]

    @property
    def at_cost(self) -> list[str]:
        """Holdings without any price."""
        return self.priced_from(PriceSource.AVG_COST)

    def priced_from(self, *sources: PriceSource) -> list[str]:
        return [holding.name for holding in self.holdings if holding.price_source in sources]

    @property
    def without_rate(self) -> list[str]:
        return [holding.name for holding in self.holdings if holding.base_value is None]


@dataclass(frozen=True, slots=True)
class Contributor:
    """`pnl` in the account's currency: realised and unrealised, less commissions, without dividends."""

    name: str
    quantity: Decimal
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Contributors:
    """Most first; `unknown` names those whose quantities do not add up or that lack a price or an exchange rate,
    `unpaid` those of the known that count a commission as 0 as it is not known."""

    since: datetime
    until: datetime
    known: list[Contributor]
    unknown: list[str]
    unpaid: list[str]


def snapshot_on(*, account: Account, day: date) -> PortfolioSnapshot | None:
    rows = PortfolioSnapshot.objects.prefetch_related("positions__instrument")
    return rows.filter(account=account, date=day).first()


def portfolio_of(snapshot: PortfolioSnapshot) -> Portfolio:
    """Largest holdings first."""
    holdings = [_holding(position, snapshot.total_equity) for position in snapshot.positions.all()]
    nothing = Decimal(0)
    holdings.sort(key=lambda holding: (holding.base_value is None, -abs(holding.base_value or nothing), holding.name))
    return Portfolio(snapshot.taken_at, snapshot.total_equity, snapshot.cash, snapshot.currency, holdings)


def _holding(position: SnapshotPosition, equity: Decimal) -> Holding:
    value = position.base_value
    return Holding(
        name=name_of(position.instrument),
        quantity=position.quantity,
        avg_cost=position.avg_cost,
        price=position.market_price / position.instrument.price_magnifier,
        currency=position.currency,
        value=position.market_value,
        unrealized=position.unrealized_pnl,
        base_value=value,
        weight=float(value / equity) if value is not None and equity > 0 else None,
        price_source=PriceSource(position.price_source),
    )


def contributors(*, start: PortfolioSnapshot, end: PortfolioSnapshot) -> Contributors:
    """What each instrument earned or lost from one snapshot to the other, at the exchange rates of the end."""
    rates = equity.exchange_rates(account=end.account)
    moved = moved_between(account=end.account, after=start.taken_at, until=end.taken_at, rates=rates)
    instruments = {**moved.instruments, **_instruments(start), **_instruments(end)}
    known: list[Contributor] = []
    unknown: list[str] = []
    for row in contributions(_held(start), _held(end), moved.moves):
        instrument = instruments[row.instrument]
        pnl = None if row.pnl is None else rates.convert(row.pnl, instrument.currency, end.currency, end.date)
        if pnl is None or instrument.sec_type in EXCLUDED_TYPES:
            unknown.append(name_of(instrument))
        else:
            known.append(Contributor(name_of(instrument), row.quantity, pnl))
    known.sort(key=lambda contributor: (-contributor.pnl, contributor.name))
    unpaid = {name_of(instruments[move.instrument]) for move in moved.moves if move.commission is None}
    unpaid &= {contributor.name for contributor in known}
    return Contributors(start.taken_at, end.taken_at, known, sorted(unknown), sorted(unpaid))


def _instruments(snapshot: PortfolioSnapshot) -> dict[int, Instrument]:
    return {position.instrument_id: position.instrument for position in snapshot.positions.all()}


def _held(snapshot: PortfolioSnapshot) -> dict[int, Held]:
    rows = snapshot.positions.all()
    return {position.instrument_id: Held(position.quantity, position.market_value) for position in rows}


def best(rows: Sequence[Contributor], count: int) -> list[Contributor]:
    return [row for row in rows if row.pnl > 0][:count]


def worst(rows: Sequence[Contributor], count: int) -> list[Contributor]:
    """The greatest loss first."""
    return [row for row in reversed(rows) if row.pnl < 0][:count]
