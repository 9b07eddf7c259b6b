"""What options paid that were settled in cash: as the broker states it, else a person is asked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from apps.broker.choices import HoldingChangeKind, PriceSource
from apps.broker.domain.settlement import price_from_result
from apps.broker.models import Account, HoldingChange, Position, Trade
from apps.broker.services import settlements
from apps.journal import selectors as journal_selectors
from apps.journal import services as journal
from apps.journal.choices import Severity

# The broker states its portfolio every three minutes.
TOLD_AFTER = timedelta(minutes=10)
ACTOR = "gateway"


def price_settlements(accounts: Collection[Account], now: datetime) -> None:
    """Give expiries without a price that of the broker; ask a person where it has stated none in ten minutes."""
    for change in settlements.unsettled().filter(account__in=accounts).order_by("pk"):
        price = _stated(change)
        if price is not None:
            reason = "the broker states what it realised"
            settlements.settle_expiry(change_id=change.pk, price=price, reason=reason, actor=ACTOR)
        elif change.created_at <= now - TOLD_AFTER:
            _ask_for_people(change, now)


def _stated(change: HoldingChange) -> Decimal | None:
    """From the result that the broker states of the position, where it can be of this expiry alone."""
    trade = Trade.objects.filter(account=change.account, instrument=change.instrument, closed_at=change.at).first()
    position = Position.objects.filter(account=change.account, instrument=change.instrument, quantity=0).first()
    if trade is None or position is None or not position.realized_pnl or not _is_of_the_expiry(position, change):
        return None
    # Beside another closing, or a commission that is not known, nobody can tell which part is whose.
    closings = trade.closings.all()
    if not trade.commissions_known or closings.exclude(exit_order=f"{HoldingChangeKind.EXPIRY} {change.pk}").exists():
        return None
    worth = change.instrument.multiplier / change.instrument.price_magnifier
    paid = closings.aggregate(total=Sum("commission"))["total"] or Decimal(0)
    return price_from_result(position.realized_pnl, -change.quantity, trade.entry_price, paid, worth)


def _is_of_the_expiry(position: Position, change: HoldingChange) -> bool:
    told = position.price_source == PriceSource.PORTFOLIO and position.priced_at is not None
    others = Trade.objects.filter(account=change.account, instrument=change.instrument)
    before = others.filter(closed_at__lt=change.at, closed_at__gt=change.at - timedelta(days=1))
    return told and position.priced_at is not None and position.priced_at >= change.at and not before.exists()


def _ask_for_people(change: HoldingChange, now: datetime) -> None:
    key = settlements.incident_key(change)
    if journal_selectors.open_incidents().filter(key=key).exists():
        return
    option = change.instrument
    journal.open_incident(
        key=key,
        title=f"{option} was settled in cash: what it paid is not known",
        severity=Severity.WARNING,
        detail=(
            f"The trade of {change.account} shows no result until the settlement price of {option.symbol} is booked:\n"
            f"{settlements.remedy(change)}\n"
            "The exchange publishes it, IB's statement shows it. It is not the close where the option settles in the "
            "morning (SPX: SET, VIX: VRO)."
        ),
        scope="broker",
        actor=ACTOR,
        now=now,
    )
