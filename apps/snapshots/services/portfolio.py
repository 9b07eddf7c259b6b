"""Taking and storing the portfolio snapshot."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal

from django.db import transaction

from apps.broker.models import Account, Instrument
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.snapshots.domain.valuation import Valuation, ValuedPosition
from apps.snapshots.exceptions import IncompleteAnswer, NoAccount
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from apps.snapshots.portfolio import read_portfolio

logger = logging.getLogger(__name__)

STEP = "Snapshot"
SCOPE = "snapshots"
MONEY = Decimal("0.0001")
PRICE = Decimal("0.00000001")


def take_portfolio_snapshot(*, now: datetime, account: str = "", job_run: int | None = None) -> PortfolioSnapshot:
    """Ask the broker and store the answer as the account's snapshot of this UTC date.

    Raises SnapshotError when the broker cannot say or contradicts itself: then nothing is stored.
    """
    return store_snapshot(valuation=read_portfolio(account=account, now=now), job_run=job_run)


@transaction.atomic
def store_snapshot(*, valuation: Valuation, job_run: int | None = None) -> PortfolioSnapshot:
    """One snapshot per account and UTC date: a later one replaces the earlier, positions and all."""
    account = Account.objects.filter(code=valuation.account).first()
    if account is None:
        raise NoAccount(f"The gateway has not yet stored account {valuation.account}: try again when it is ready.")
    snapshot, _ = PortfolioSnapshot.objects.update_or_create(
        account=account,
        date=valuation.at.astimezone(UTC).date(),
        defaults={
            "taken_at": valuation.at,
            "total_equity": valuation.balance.equity.quantize(MONEY),
            "cash": valuation.balance.cash.quantize(MONEY),
            "currency": valuation.balance.currency,
            "job_run": job_run,
        },
    )
    snapshot.positions.all().delete()
    con_ids = [position.holding.contract.con_id for position in valuation.positions]
    instruments = Instrument.objects.in_bulk(con_ids, field_name="con_id")
    if missing := set(con_ids) - set(instruments):
        raise IncompleteAnswer(f"The gateway has not yet stored the contracts {sorted(missing)}: take it again.")
    SnapshotPosition.objects.bulk_create(
        _as_row(snapshot, instruments[position.holding.contract.con_id], position) for position in valuation.positions
    )
    _tell(valuation, snapshot)
    return snapshot


def _as_row(snapshot: PortfolioSnapshot, instrument: Instrument, position: ValuedPosition) -> SnapshotPosition:
    contract = position.holding.contract
    return SnapshotPosition(
        snapshot=snapshot,
        instrument=instrument,
        symbol=contract.symbol,
        currency=contract.currency,
        quantity=position.holding.quantity,
        avg_cost=position.holding.avg_cost.quantize(PRICE),
        market_price=position.price.value.quantize(PRICE),
        market_value=position.market_value.quantize(MONEY),
        unrealized_pnl=position.unrealized_pnl.quantize(MONEY),
        price_source=position.price.source,
        priced_at=position.price.at,
        exchange_rate=position.exchange_rate,
        base_value=None if position.base_value is None else position.base_value.quantize(MONEY),
    )


def _tell(valuation: Valuation, snapshot: PortfolioSnapshot) -> None:
    for position in valuation.unpriced:
        journal.record(step=STEP, message=no_price(position), level=Level.WARN, scope=SCOPE, symbol=position.symbol)
    balance = valuation.balance
    journal.record(
        step=STEP,
        message=f"snapshot of {valuation.account}: equity {balance.equity:,.2f} {balance.currency}, "
        f"cash {balance.cash:,.2f}, {len(valuation.positions)} positions",
        scope=SCOPE,
        data={"snapshot": snapshot.pk, "date": snapshot.date.isoformat(), "sources": valuation.sources},
    )


def remarks(valuation: Valuation) -> list[str]:
    """What a person should know of the prices, and can do about them; each remark once."""
    found = [no_price(position) for position in valuation.unpriced]
    found += [position.note for position in valuation.positions if position.note]
    return list(dict.fromkeys(found))


def no_price(position: ValuedPosition) -> str:
    hint = position.note or (
        "Check the account's market data subscriptions (Client Portal, Settings, Market Data Subscriptions)."
    )
    return f"No price for {position.name}: valued at its average cost. {hint}"
