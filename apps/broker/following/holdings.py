"""What executions do not tell of: what was held before the mirror began, and options that expired or were assigned.

An option on shares that went without them has ended worthless. Every other one was settled in cash, at a price that
executions do not tell: its result is unknown until the broker or a person states it (`settlements.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Case, Exists, F, Max, Min, OuterRef, Sum, When

from apps.broker.choices import HoldingChangeKind, Side, TradeDirection
from apps.broker.domain.settlement import becomes_shares
from apps.broker.following.settlements import price_settlements
from apps.broker.gateway.changes import Snapshot
from apps.broker.gateway.rows import OPTIONS
from apps.broker.models import Account, Execution, HoldingChange, Instrument, Position, Trade
from apps.broker.services import trades

logger = logging.getLogger(__name__)

EXCHANGE_ZONE = ZoneInfo("America/New_York")
# The broker tells of positions and executions apart: compared is what has rested this long.
QUIET = timedelta(seconds=10)
CLOSING_TIME = time(16)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Traded:
    """Executions of an instrument, added up."""

    quantity: Decimal = NOTHING
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_told_at: datetime | None = None

    def is_quiet(self, now: datetime) -> bool:
        return self.last_told_at is None or self.last_told_at <= now - QUIET


def settle_holdings(snapshot: Snapshot) -> None:
    """Call it after the picture was stored and trades were derived."""
    try:
        with transaction.atomic():
            _settle(snapshot)
    except (OperationalError, InterfaceError):
        raise
    except (DatabaseError, ArithmeticError):
        # Trades can be derived at any time; what the broker said must be stored now.
        logger.exception("holdings without executions cannot be settled; the next look tries again")


def _settle(snapshot: Snapshot) -> None:
    accounts = list(Account.objects.filter(code__in=snapshot.accounts))
    for account, instrument in _without_opening(accounts):
        _write_opening(snapshot, account, instrument)
    open_options = Trade.objects.filter(
        account__in=accounts, closed_at=None, instrument__sec_type__in=OPTIONS
    ).select_related("account", "instrument")
    for trade in open_options.order_by("pk"):
        _settle_option(snapshot, trade)
    price_settlements(accounts, snapshot.as_of)


def _without_opening(accounts: list[Account]) -> Iterable[tuple[Account, Instrument]]:
    """Of what was traded, and of the shares that options in hand may become."""
    known = HoldingChange.objects.filter(kind=HoldingChangeKind.OPENING, account__in=accounts)
    settled = set(known.values_list("account_id", "instrument_id"))
    rows = Trade.objects.filter(account__in=accounts).select_related("account", "instrument")
    own = known.filter(account=OuterRef("account"), instrument=OuterRef("instrument"))
    for trade in rows.filter(number=1).exclude(Exists(own)):
        yield trade.account, trade.instrument
    options = rows.filter(closed_at=None, instrument__sec_type__in=OPTIONS)
    for trade in options.order_by("account_id", "instrument__symbol", "instrument__currency").distinct(
        "account_id", "instrument__symbol", "instrument__currency"
    ):
        shares = _underlying(trade.instrument)
        if shares is not None and (trade.account_id, shares.pk) not in settled:
            yield trade.account, shares


def _underlying(option: Instrument) -> Instrument | None:
    """The shares that it may become; None where there are none, or they were never seen."""
    if option.under_sec_type and not becomes_shares(option.under_sec_type):
        return None
    shares = Instrument.objects.filter(sec_type="STK")
    named = shares.filter(con_id=option.under_con_id).first() if option.under_con_id else None
    return named or shares.filter(symbol=option.symbol, currency=option.currency).order_by("pk").first()


def _write_opening(snapshot: Snapshot, account: Account, instrument: Instrument) -> None:
    traded = _traded(account, instrument)
    if not traded.is_quiet(snapshot.as_of):
        return
    quantity = _held(snapshot, account, instrument) - traded.quantity - _changed(account, instrument)
    if _has_expired(instrument, snapshot.as_of):
        # What is missing went at the expiry.
        quantity = NOTHING
    trades.book_holding_change(
        account=account,
        instrument=instrument,
        kind=HoldingChangeKind.OPENING,
        quantity=quantity,
        at=traded.first_at - timedelta(microseconds=1) if traded.first_at else snapshot.as_of,
        reason="what is held less what was executed since",
    )


def _settle_option(snapshot: Snapshot, trade: Trade) -> None:
    account, option = trade.account, trade.instrument
    if _held(snapshot, account, option) or not _gone_for_long(snapshot, account, option):
        return
    quantity = trade.open_quantity if trade.direction == TradeDirection.LONG else -trade.open_quantity
    shares = _underlying(option)
    delivered = quantity * option.multiplier * (1 if option.right == "C" else -1)
    if shares is not None and _came_unexplained(snapshot, account, shares, delivered):
        _book(snapshot, trade, -quantity, HoldingChangeKind.ASSIGNMENT, NOTHING)
        _book_delivery(snapshot, account, option, shares, delivered)
    elif _has_expired(option, snapshot.as_of):
        price = NOTHING if becomes_shares(option.under_sec_type) else None
        _book(snapshot, trade, -quantity, HoldingChangeKind.EXPIRY, price)


def _gone_for_long(snapshot: Snapshot, account: Account, option: Instrument) -> bool:
    gone = Position.objects.filter(account=account, instrument=option, as_of__gt=snapshot.as_of - QUIET)
    return not gone.exists() and _traded(account, option).is_quiet(snapshot.as_of)


def _came_unexplained(snapshot: Snapshot, account: Account, shares: Instrument, wanted: Decimal) -> bool:
    """At least so many more shares are held than executions account for, in that direction."""
    opening = HoldingChange.objects.filter(account=account, instrument=shares, kind=HoldingChangeKind.OPENING)
    traded = _traded(account, shares)
    if not opening.exists() or not traded.is_quiet(snapshot.as_of):
        return False
    surplus = _held(snapshot, account, shares) - traded.quantity - _changed(account, shares)
    return surplus * wanted > 0 and abs(surplus) >= abs(wanted)


def _book(snapshot: Snapshot, trade: Trade, quantity: Decimal, kind: HoldingChangeKind, price: Decimal | None) -> None:
    option, last_at = trade.instrument, _traded(trade.account, trade.instrument).last_at
    at = _ended_at(option, snapshot.as_of)
    trades.book_holding_change(
        account=trade.account,
        instrument=option,
        kind=kind,
        quantity=quantity,
        at=max(at, last_at) if last_at else at,
        price=price,
        reason=f"{option} left the account without an execution",
    )


def _book_delivery(
    snapshot: Snapshot, account: Account, option: Instrument, shares: Instrument, quantity: Decimal
) -> None:
    strike = option.strike if option.strike is None else option.strike * shares.price_magnifier
    trades.book_holding_change(
        account=account,
        instrument=shares,
        kind=HoldingChangeKind.ASSIGNMENT,
        quantity=quantity,
        at=_ended_at(option, snapshot.as_of),
        price=strike,
        reason=f"delivered for {option}",
    )


def _has_expired(instrument: Instrument, now: datetime) -> bool:
    return instrument.sec_type in OPTIONS and instrument.expires_on is not None and _expiry(instrument) <= now


def _expiry(option: Instrument) -> datetime:
    if option.expires_on is None:
        raise ValueError(f"{option} does not expire")
    return datetime.combine(option.expires_on, CLOSING_TIME, EXCHANGE_ZONE)


def _ended_at(option: Instrument, now: datetime) -> datetime:
    return _expiry(option) if _has_expired(option, now) else now


def _held(snapshot: Snapshot, account: Account, instrument: Instrument) -> Decimal:
    row = snapshot.positions.get((account.code, instrument.con_id))
    return row.quantity if row is not None else NOTHING


def _traded(account: Account, instrument: Instrument) -> Traded:
    signed = Case(When(side=Side.BUY, then=F("quantity")), default=-F("quantity"))
    rows = Execution.objects.filter(account=account, instrument=instrument, is_current=True)
    found = rows.aggregate(
        quantity=Sum(signed), first_at=Min("executed_at"), last_at=Max("executed_at"), last_told_at=Max("as_of")
    )
    return Traded(**found | {"quantity": found["quantity"] or NOTHING})


def _changed(account: Account, instrument: Instrument) -> Decimal:
    rows = HoldingChange.objects.filter(account=account, instrument=instrument)
    return rows.aggregate(total=Sum("quantity"))["total"] or NOTHING
