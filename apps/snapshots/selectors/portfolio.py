"""Reading portfolio snapshots."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.snapshots.domain.valuation import Valuation
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition


def latest_snapshot(*, account: str = "") -> PortfolioSnapshot | None:
    """The newest, of one account or of any."""
    return _of(account).order_by("-taken_at").first()


def snapshots_between(*, first: date, last: date, account: str = "") -> QuerySet[PortfolioSnapshot]:
    """Oldest first, both dates included."""
    return _of(account).filter(date__range=(first, last)).order_by("date", "account")


def count_taken_since(*, at: datetime) -> int:
    return PortfolioSnapshot.objects.filter(taken_at__gte=at).count()


def _of(account: str) -> QuerySet[PortfolioSnapshot]:
    snapshots = PortfolioSnapshot.objects.select_related("account").prefetch_related("positions")
    return snapshots.filter(account__code=account) if account else snapshots


def as_document(snapshot: PortfolioSnapshot) -> dict[str, Any]:
    """The snapshot in the words of its export format; numbers, not texts."""
    return {
        "timestamp": snapshot.taken_at.isoformat(),
        "date": snapshot.date.isoformat(),
        "account": snapshot.account.code,
        "currency": snapshot.currency,
        "total_equity": float(snapshot.total_equity),
        "cash": float(snapshot.cash),
        "positions": [_position(position) for position in snapshot.positions.all()],
    }


def _position(position: SnapshotPosition) -> dict[str, Any]:
    numbers = ("quantity", "avg_cost", "market_price", "market_value", "unrealized_pnl")
    return {
        "symbol": position.symbol,
        **{name: float(getattr(position, name)) for name in numbers},
        "price_source": position.price_source,
        "currency": position.currency,
        "base_value": None if position.base_value is None else float(position.base_value),
    }


def valuation_as_document(valuation: Valuation) -> dict[str, Any]:
    """As `as_document`, of a portfolio that has not been stored."""
    return {
        "timestamp": valuation.at.isoformat(),
        "date": valuation.at.date().isoformat(),
        "account": valuation.account,
        "currency": valuation.balance.currency,
        "total_equity": rounded(valuation.balance.equity),
        "cash": rounded(valuation.balance.cash),
        "positions": [
            {
                "symbol": position.symbol,
                "quantity": float(position.holding.quantity),
                "avg_cost": float(position.holding.avg_cost),
                "market_price": float(position.price.value),
                "market_value": rounded(position.market_value),
                "unrealized_pnl": rounded(position.unrealized_pnl),
                "price_source": position.price.source,
                "currency": position.holding.contract.currency,
                "base_value": None if position.base_value is None else rounded(position.base_value),
            }
            for position in valuation.positions
        ],
    }


def rounded(amount: Decimal) -> float:
    return float(round(amount, 4))
