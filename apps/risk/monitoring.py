"""What the monitors read. Unknown where it is not fresh: a stale figure is no all-clear."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Max

from apps.broker import selectors as broker_state
from apps.broker.choices import OrderState
from apps.broker.models import Account, Closing, Order
from apps.risk.choices import LimitName, MonitorRule
from apps.risk.domain.limits import Limits
from apps.risk.gathering.answers import EQUITY, ask_figures
from apps.risk.gathering.book import Book
from apps.risk.models import LimitBreach
from tradeops.lib.known import Known, Unknown

LOOKED_AT = 200
# The broker states the equity every three minutes by itself; a loss is to be seen sooner.
YOUNG_SECONDS = 60
# One order may take back what many have opened.
CLOSINGS = 1000
# A strategy, a trade, and the order that closed some of it.
Exit = tuple[str, int, str]
HOUR = timedelta(hours=1)
PLACED = (OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED)


def read_equity(account: Account, limits: Limits, *, now: datetime, may_ask: bool = True) -> Known[Decimal] | Unknown:
    """From the tables while they are young, else asked at the broker if that is wanted; if it does not answer, from the
    tables while they are fresh.
    """
    view = broker_state.session(now=now)
    if not view.is_following:
        return Unknown(f"the tables do not follow the broker: {view.reason or view.state.label.lower()}")
    stored = broker_state.account_value(account.code, EQUITY)
    most = limits[LimitName.MAX_ACCOUNT_AGE]
    age = (now - stored.as_of).total_seconds() if isinstance(stored, Known) else None
    if age is not None and age <= YOUNG_SECONDS:
        return stored
    asked = ask_figures(account.code)[EQUITY] if may_ask else None
    if isinstance(asked, Known):
        return asked
    if age is not None and (most is None or age <= most):
        return stored
    if asked is not None:
        return asked
    return stored if isinstance(stored, Unknown) else Unknown(f"stated last at {stored.as_of:%H:%M:%S} UTC")


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
    """Losses in a row up to the last order that closed something, by strategy; a position need never be flat for it.

    What an order took back counts once, whatever had opened it. A result that is not known neither ends a row nor
    lengthens it.
    """
    rows = Closing.objects.filter(trade__account=account).order_by("-closed_at", "-id")
    found: dict[Exit, list[Decimal | None]] = {}
    for strategy, trade, order, net in rows.values_list("trade__strategy", "trade", "exit_order", "net")[:CLOSINGS]:
        found.setdefault((strategy, trade, order), []).append(net)
    known = ((strategy, nets) for (strategy, *_), nets in found.items() if None not in nets)
    return _streaks((strategy, sum(net for net in nets if net is not None) < 0) for strategy, nets in known)


def read_reject_streaks(account: Account) -> dict[str, int]:
    """Own orders that the broker refused in a row up to the last one sent, by strategy."""
    rows = Order.objects.filter(account=account, is_external=False, submitted_at__isnull=False)
    rows = rows.filter(state__in=[*PLACED, OrderState.REJECTED]).order_by("-submitted_at", "-pk")
    found = rows.values_list("strategy", "state")[:LOOKED_AT]
    return _streaks((strategy, state == OrderState.REJECTED) for strategy, state in found)


def read_round_trips(account: Account, now: datetime) -> dict[str, int]:
    """Orders that took back what others had opened, by strategy, in the last hour or since a person lifted the stop; a
    position need never be flat for it. Where a person approved all that had opened it, it does not count.

    A strategy whose breach stands is named also where there are none.
    """
    breaches = LimitBreach.objects.filter(account=account, rule=MonitorRule.ROUND_TRIPS)
    lifted = breaches.filter(released_at__gt=now - HOUR).values("target").annotate(at=Max("released_at"))
    since = {row["target"]: row["at"] for row in lifted}
    rows = Closing.objects.filter(trade__account=account, closed_at__gt=now - HOUR).exclude(trade__strategy="")
    entries: dict[Exit, set[str]] = {}
    names = ("trade__strategy", "trade", "exit_order", "entry_order", "closed_at")
    for strategy, trade, order, entry, closed_at in rows.values_list(*names):
        if closed_at > since.get(strategy, now - HOUR):
            entries.setdefault((strategy, trade, order), set()).add(entry)
    approved = _approved(entry for found in entries.values() for entry in found)
    counts = dict.fromkeys(breaches.filter(ended_at=None).values_list("target", flat=True), 0)
    for (strategy, *_), found in entries.items():
        if not found <= approved:
            counts[strategy] = counts.get(strategy, 0) + 1
    return counts


def _approved(orders: Iterable[str]) -> set[str]:
    """Those, by permanent id, that a person approved."""
    asked = {int(order) for order in orders if order.isdigit()}
    rows = Order.objects.filter(perm_id__in=asked, approved_by__isnull=False)
    return {str(perm_id) for perm_id in rows.values_list("perm_id", flat=True)}


def _streaks(newest_first: Iterable[tuple[str, bool]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    over: set[str] = set()
    for strategy, counts_on in newest_first:
        if not counts_on:
            over.add(strategy)
        counts[strategy] += strategy not in over
    return dict(counts)
