"""Round trips and what they earned."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from apps.broker.models import Account, Closing, Trade, UnmatchedClosing
from apps.broker.selectors.mirror import EXCHANGE_ZONE, session
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

OPTION_TYPES = ("OPT", "FOP")
NOT_SYNCHRONISED = "service not ready: the gateway has not completed its first synchronisation with the broker"


def trades_closed_between(
    start: datetime, end: datetime, *, account: str = "", strategy: str | None = None
) -> QuerySet[Trade]:
    """Trades that ended in the period, `end` not included; the last closed first. `strategy` "" asks for people's."""
    rows = _trades(account, strategy).filter(closed_at__gte=start, closed_at__lt=end)
    return rows.order_by("-closed_at", "-id")


def open_trades(account: str = "", *, strategy: str | None = None) -> QuerySet[Trade]:
    return _trades(account, strategy).filter(closed_at=None)


def open_option_trades() -> QuerySet[Trade]:
    """Of every account, the oldest first; with `closed_quantity` and `closed_entry_value` of the part taken back.

    Both are None where nothing was; the value is money in the trade's currency.
    """
    taken_back = {"closed_quantity": Sum("closings__quantity"), "closed_entry_value": Sum("closings__entry_value")}
    rows = open_trades().filter(instrument__sec_type__in=OPTION_TYPES)
    return rows.annotate(**taken_back).order_by("opened_at", "id")


def closings_between(start: datetime, end: datetime, *, account: str) -> QuerySet[Closing]:
    """What was realised in the period, by pairs of orders, partial closings of open trades too; the oldest first."""
    rows = Closing.objects.filter(trade__account__code=account, closed_at__gte=start, closed_at__lt=end)
    return rows.select_related("trade__instrument").order_by("closed_at", "id")


def unmatched_between(start: datetime, end: datetime, *, account: str) -> QuerySet[UnmatchedClosing]:
    """What was closed in the period against holdings of unknown cost, the oldest first."""
    rows = UnmatchedClosing.objects.filter(account__code=account, at__gte=start, at__lt=end)
    return rows.select_related("instrument").order_by("at", "id")


def realised_today(account: str, *, now: datetime | None = None) -> Known[Decimal] | Unknown:
    """Net of the commissions of both sides, in the account's currency, since midnight in New York.

    Unknown before the first synchronisation, and while a price, a commission or an exchange rate is missing.
    """
    view, row = session(now=now), Account.objects.filter(code=account).first()
    if row is None:
        return Unknown(f"nothing is known of account {account} yet")
    if view.synchronised_at is None:
        return Unknown(NOT_SYNCHRONISED)
    start, end = _trading_day(now or clock.now())
    rows = Closing.objects.filter(trade__account=row, closed_at__gte=start, closed_at__lt=end)
    found = rows.aggregate(
        total=Sum("net_base"),
        without_rate=Count("id", filter=Q(net_base=None)),
        unsettled=Count("id", filter=Q(net=None)),
        unpaid=Count("id", filter=Q(commissions_known=False)),
    )
    if found["unsettled"]:
        return Unknown(f"{found['unsettled']} closings of today ended at a price that nobody has stated yet")
    if found["without_rate"]:
        return Unknown(f"{found['without_rate']} closings of today have no exchange rate to {row.base_currency or '?'}")
    if found["unpaid"]:
        return Unknown(f"the broker has not reported the commissions of {found['unpaid']} closings of today")
    as_of = view.heartbeat_at if view.is_following else view.synchronised_at
    return Known(found["total"] or Decimal(0), as_of or view.synchronised_at)


def _trades(account: str, strategy: str | None) -> QuerySet[Trade]:
    rows = Trade.objects.select_related("account", "instrument")
    rows = rows.filter(account__code=account) if account else rows
    return rows if strategy is None else rows.filter(strategy=strategy)


def _trading_day(now: datetime) -> tuple[datetime, datetime]:
    local = now.astimezone(EXCHANGE_ZONE)
    days = (local.date(), local.date() + timedelta(days=1))
    start, end = (datetime.combine(day, time(), EXCHANGE_ZONE) for day in days)
    return start, end
