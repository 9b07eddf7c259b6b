"""Reading signals, advice and the price series they came from."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Prefetch, QuerySet

from apps.strategies.models import AdvisedTrade, MomentumSignal, PriceSeries, RebalanceAdvice, SignalRow


def signals(*, until: datetime | None = None) -> QuerySet[MomentumSignal]:
    """With their rows, newest first; `until` leaves out what came later."""
    rows = MomentumSignal.objects.select_related("revision").prefetch_related(
        Prefetch("rows", SignalRow.objects.order_by("rank"))
    )
    found = rows.filter(created_at__lte=until) if until else rows
    return found.order_by("-created_at", "-id")


def latest_signal(*, until: datetime | None = None) -> MomentumSignal | None:
    return signals(until=until).first()


def advice(*, account: str = "", until: datetime | None = None) -> QuerySet[RebalanceAdvice]:
    """With their trades and signal, newest first; of all accounts unless one is named."""
    rows = RebalanceAdvice.objects.select_related("signal__revision").prefetch_related(
        Prefetch("trades", AdvisedTrade.objects.order_by("position"))
    )
    rows = rows.filter(account=account) if account else rows
    found = rows.filter(created_at__lte=until) if until else rows
    return found.order_by("-created_at", "-id")


def latest_advice(*, account: str = "", until: datetime | None = None) -> RebalanceAdvice | None:
    return advice(account=account, until=until).first()


def last_selection(*, top_n: int) -> MomentumSignal | None:
    """The newest signal with as many places."""
    return signals().filter(top_n=top_n).first()


def find_series(*, symbol: str, currency: str) -> PriceSeries | None:
    return PriceSeries.objects.filter(symbol=symbol, currency=currency).first()


def series_of_line(con_id: int) -> PriceSeries | None:
    return PriceSeries.objects.filter(con_id=con_id).first()
