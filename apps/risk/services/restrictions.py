"""Instruments, people and strategies that may not enter: closed at once by one person, opened again by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from apps.broker.models import Instrument
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.risk.exceptions import LimitError
from apps.risk.models import Restriction
from apps.risk.services.limits import APPROVE, CHANGE, second_person_exists
from tradeops.lib import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

STEP = "Restriction"


@transaction.atomic
def restrict(*, reason: str, user: User, con_id: int = 0, person: str = "", strategy: str = "") -> Restriction:
    """From now on no entry of that kind is approved; what is held may be closed. Raises LimitError."""
    _require(user, CHANGE)
    if not reason.strip():
        raise LimitError("Say why: the reason is kept with the restriction.")
    if not (con_id or person or strategy):
        raise LimitError("Name an instrument, a person or a strategy. To stop everything, halt.")
    instrument = Instrument.objects.filter(con_id=con_id).first() if con_id else None
    if con_id and instrument is None:
        raise LimitError(f"No instrument with the contract id {con_id} is known.")
    if person and not get_user_model().objects.filter(username=person).exists():
        raise LimitError(f"There is no user {person!r}.")
    values = {"reason": reason.strip()[:500], "set_by": user.get_username(), "set_at": clock.now()}
    of = {"con_id": con_id, "symbol": instrument.symbol if instrument else "", "person": person, "strategy": strategy}
    try:
        with transaction.atomic():
            row = Restriction.objects.create(**of, **values)
    except IntegrityError:
        raise LimitError(f"{Restriction(**of).what} is restricted already.") from None
    _record(row, f"{row.what} may not be entered: {row.reason}", user)
    return row


@transaction.atomic
def lift_restriction(*, restriction_id: int, user: User, reason: str) -> Restriction:
    """Needs another person than the one who set it, where there is one. Raises LimitError."""
    _require(user, APPROVE)
    row = Restriction.objects.select_for_update().get(pk=restriction_id)
    if row.lifted_at is not None:
        raise LimitError(f"{row.what} is not restricted any more.")
    if row.person == user.get_username():
        raise LimitError("Somebody else must lift a restriction of your own orders.")
    if row.set_by == user.get_username() and second_person_exists(user):
        raise LimitError("Somebody else must lift a restriction that you set.")
    row.lifted_by, row.lifted_at = user.get_username(), clock.now()
    row.save(update_fields=["lifted_by", "lifted_at"])
    _record(row, f"{row.what} may be entered again: {reason.strip() or 'no reason given'}", user)
    return row


def _require(user: User, permission: str) -> None:
    if not user.has_perm(permission):
        raise LimitError(f"{user.get_username()} lacks the permission {permission}: an administrator grants it.")


def _record(row: Restriction, message: str, user: User) -> None:
    journal.record(
        step=STEP,
        message=message,
        level=Level.WARN,
        scope="risk",
        symbol=row.symbol,
        data={"con_id": row.con_id, "restriction": row.pk},
        actor=user.get_username(),
    )
