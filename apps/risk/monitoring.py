"""What the monitors read. Unknown where it is not fresh: a stale figure is no all-clear."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from apps.broker import selectors as broker_state
from apps.broker.choices import OrderState
from apps.broker.models import Account, Order, Trade
from apps.risk.choices import LimitName
from apps.risk.domain.limits import Limits
from apps.risk.gathering.answers import EQUITY, ask_figures
from apps.risk.gathering.book import Book
from tradeops.lib.known import Known, Unknown

LOOKED_AT = 200
PLACED = (OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED)


def read_equity(account: Account, limits: Limits, *, now: datetime, may_ask: bool = True) -> Known[Decimal] | Unknown:
    """From the tables while they are fresh, else asked at the broker if that is wanted."""
    view = broker_state.session(now=now)
    if not view.is_following:
        return Unknown(f"the tables do not follow the broker: {view.reason or view.state.label.lower()}")
    stored = broker_state.account_value(account.code, EQUITY)
    most = limits[LimitName.MAX_ACCOUNT_AGE]
    if isinstance(stored, Known) and (most is None or (now - stored.as_of).total_seconds() <= most):
        return stored
    if not may_ask:
        return stored if isinstance(stored, Unknown) else Unknown(f"stated last at {stored.as_of:%H:%M:%S} UTC")
    return ask_figures(account.code)[EQUITY]


def read_exposure(account: Account, now: datetime) -> Known[Decimal] | Unknown:
    """The sum of the positions' absolute values in the account's currency."""
    holdings = Book(account).holdings(now)
    if isinstance(holdings, Unknown):
        return holdings
    values = [holding.value for holding in holdings.value]
    if None in values:
        return Unknown("a position cannot be valued")
    return Known(sum((abs(value) for value in values if value is not None), Decimal(0)), holdings.as_of)


def read_loss_streaks(account: Account) -> dict[str, int]:
    """Losing trades in a row up to the last one that ended, by strategy.

    A trade whose result is not known neither ends a row nor lengthens it.
    """
    rows = Trade.objects.filter(account=account, closed_at__isnull=False, net_pnl__isnull=False)
    rows = rows.order_by("-closed_at", "-id")
    found = rows.values_list("strategy", "net_pnl")[:LOOKED_AT]
    return _streaks((strategy, net < 0) for strategy, net in found if net is not None)


def read_reject_streaks(account: Account) -> dict[str, int]:
    """Own orders that the broker refused in a row up to the last one sent, by strategy."""
    rows = Order.objects.filter(account=account, is_external=False, submitted_at__isnull=False)
    rows = rows.filter(state__in=[*PLACED, OrderState.REJECTED]).order_by("-submitted_at", "-pk")
    found = rows.values_list("strategy", "state")[:LOOKED_AT]
    return _streaks((strategy, state == OrderState.REJECTED) for strategy, state in found)


def _streaks(newest_first: Iterable[tuple[str, bool]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    over: set[str] = set()
    for strategy, counts_on in newest_first:
        if not counts_on:
            over.add(strategy)
        counts[strategy] += strategy not in over
    return dict(counts)
