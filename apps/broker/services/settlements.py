"""Booking what options paid that were settled in cash."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from apps.broker.choices import HoldingChangeKind
from apps.broker.domain.settlement import intrinsic_value
from apps.broker.exceptions import SettlementError
from apps.broker.models import HoldingChange
from apps.broker.services.trades import derive_trades
from apps.journal import services as journal
from apps.journal.choices import Level

STEP, SCOPE = "Settlement", "broker"
REASON_LENGTH = 500


def unsettled() -> QuerySet[HoldingChange]:
    """Expiries at a price that nobody has stated yet."""
    rows = HoldingChange.objects.filter(kind=HoldingChangeKind.EXPIRY, price=None)
    return rows.select_related("account", "instrument")


def incident_key(change: HoldingChange) -> str:
    return f"settlement:{change.account.code}:{change.instrument.con_id}"[:128]


def remedy(change: HoldingChange) -> str:
    """The command that books it."""
    option = change.instrument
    name = option.trading_class or option.symbol
    return f"`manage.py book_settlement {name} {option.expires_on} PRICE --user NAME --reason TEXT`"


@transaction.atomic
def settle_expiry(*, change_id: int, price: Decimal, reason: str, actor: str) -> HoldingChange:
    """State what an expired option paid, in points, and derive its trade from it. Raises SettlementError.

    What was stated once stays.
    """
    change = unsettled().select_for_update(of=["self"]).filter(pk=change_id).first()
    if change is None:
        raise SettlementError(f"Holding change {change_id} is no expiry without a price: look again.")
    if not price.is_finite() or price < 0:
        raise SettlementError(f"An option pays nothing or more, not {price}.")
    change.price = price
    change.reason = f"{change.reason}; {reason}"[:REASON_LENGTH]
    change.actor = actor
    change.save(update_fields=["price", "reason", "actor"])
    derive_trades(account_id=change.account_id, instrument_id=change.instrument_id, since=change.at)
    journal.record(
        step=STEP,
        message=f"{change.account} {change}: settled at {price.normalize():f}: {reason}"[: journal.MESSAGE_LENGTH],
        level=Level.WARN,
        scope=SCOPE,
        symbol=change.instrument.symbol,
        actor=actor,
    )
    journal.resolve_incident(
        key=incident_key(change), detail=f"settled at {price.normalize():f}: {reason}", actor=actor
    )
    return change


def unsettled_of(*, name: str, expires_on: date) -> list[HoldingChange]:
    """Of all strikes of a trading class (SPXW), else of a symbol. Raises SettlementError naming what there is."""
    waiting = list(unsettled().filter(instrument__expires_on=expires_on).order_by("instrument__strike", "pk"))
    exact = [change for change in waiting if change.instrument.trading_class == name]
    found = exact or [change for change in waiting if change.instrument.symbol == name]
    if not found:
        known = unsettled().values_list("instrument__trading_class", "instrument__expires_on").distinct()[:20]
        names = ", ".join(f"{trading_class} {day}" for trading_class, day in known) or "none"
        raise SettlementError(f"No expiry of {name} on {expires_on} waits for its settlement. Waiting: {names}.")
    return found


@transaction.atomic
def book_settlement(
    *, name: str, expires_on: date, settlement: Decimal, reason: str, actor: str
) -> list[HoldingChange]:
    """Settle every option of the class and date at its intrinsic value at the `settlement` price of the underlying.

    Raises SettlementError.
    """
    if not reason.strip():
        raise SettlementError("Say where the price is from: it is kept with the trade.")
    if not settlement.is_finite() or settlement <= 0:
        raise SettlementError(f"{settlement} is no settlement price: it must be above 0.")
    told = f"settlement of {name} at {settlement.normalize():f}: {reason.strip()}"
    return [
        settle_expiry(change_id=change.pk, price=paid_by(change, settlement), reason=told, actor=actor)
        for change in unsettled_of(name=name, expires_on=expires_on)
    ]


def paid_by(change: HoldingChange, settlement: Decimal) -> Decimal:
    """Points. Raises SettlementError for what is no option with a strike."""
    option = change.instrument
    if option.strike is None or not option.right:
        raise SettlementError(f"{option} has no strike or is neither call nor put: settle it in the statement's terms.")
    return intrinsic_value(option.right, option.strike, settlement)
