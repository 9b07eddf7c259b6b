"""The recorded decision of two people that live trading is allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction

from apps.broker.exceptions import UnlockError
from apps.broker.models import LiveUnlock
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock
from tradeops.lib.people import others_with

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PERMISSION = "broker.unlock_live"
WAITS = timedelta(days=1)


@transaction.atomic
def unlock_live(*, user: User, reason: str) -> LiveUnlock:
    """Record a person's decision that live trading is allowed. It holds when a second person has confirmed it, at once
    where nobody else may.

    Raises UnlockError without the permission, without a reason, or while another unlock is active.
    """
    _require_permission(user)
    if not reason.strip():
        raise UnlockError("Say why: the reason is kept with the unlock.")
    now, alone = clock.now(), not others_with(PERMISSION, user).exists()
    LiveUnlock.objects.filter(is_active=True, confirmed_at=None, unlocked_at__lte=now - WAITS).update(
        is_active=False, revoked_at=now
    )
    try:
        with transaction.atomic():
            unlock = LiveUnlock.objects.create(
                unlocked_by=user, unlocked_at=now, reason=reason.strip()[:500], confirmed_at=now if alone else None
            )
    except IntegrityError:
        raise UnlockError(
            "Live trading is unlocked already, or an unlock waits for its second person: revoke that one first."
        ) from None
    waits = "" if alone else ", waits for a second person"
    _announce(f"Live trading unlocked{waits}: {unlock.reason}", user)
    return unlock


@transaction.atomic
def confirm_unlock(*, user: User) -> LiveUnlock:
    """The second person's yes; the gateway acts on it at once. Raises UnlockError where none waits for this person."""
    _require_permission(user)
    unlock = LiveUnlock.objects.select_for_update().filter(is_active=True, confirmed_at=None).first()
    if unlock is None:
        raise UnlockError("No unlock waits for a second person.")
    if unlock.unlocked_by_id == user.pk:
        raise UnlockError("Somebody else must confirm an unlock that you gave.")
    if clock.now() - unlock.unlocked_at >= WAITS:
        raise UnlockError("It was not confirmed within a day: unlock anew.")
    unlock.confirmed_by, unlock.confirmed_at = user, clock.now()
    unlock.save(update_fields=["confirmed_by", "confirmed_at"])
    _announce(f"Live trading unlocked by two people: {unlock.reason}", user)
    return unlock


@transaction.atomic
def revoke_live(*, user: User, reason: str = "") -> LiveUnlock:
    """Lock live trading again; the gateway closes a live session at once.

    Raises UnlockError without the permission or when nothing is unlocked.
    """
    _require_permission(user)
    unlock = LiveUnlock.objects.select_for_update().filter(is_active=True).first()
    if unlock is None:
        raise UnlockError("Live trading is not unlocked: there is nothing to revoke.")
    unlock.is_active, unlock.revoked_by, unlock.revoked_at = False, user, clock.now()
    unlock.save(update_fields=["is_active", "revoked_by", "revoked_at"])
    _announce("Live trading locked" + (f": {reason.strip()}" if reason.strip() else ""), user)
    return unlock


def _require_permission(user: User) -> None:
    if not user.is_active or not user.has_perm(PERMISSION):
        raise UnlockError(f"{user.get_username()} lacks the permission {PERMISSION}: an administrator grants it.")


def _announce(message: str, user: User) -> None:
    journal.record(step="Live unlock", message=message, level=Level.WARN, scope="broker", actor=user.get_username())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('broker_unlock', '')")
