"""A person's recorded decision that live trading is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, connection, transaction

from apps.broker.exceptions import UnlockError
from apps.broker.models import LiveUnlock
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PERMISSION = "broker.unlock_live"


@transaction.atomic
def unlock_live(*, user: User, reason: str) -> LiveUnlock:
    """Record a person's decision that live trading is allowed; the gateway acts on it at once.

    Raises UnlockError without the permission, without a reason, or while another unlock is active.
    """
    _require_permission(user)
    if not reason.strip():
        raise UnlockError("Say why: the reason is kept with the unlock.")
    try:
        with transaction.atomic():
            unlock = LiveUnlock.objects.create(unlocked_by=user, unlocked_at=clock.now(), reason=reason.strip()[:500])
    except IntegrityError:
        raise UnlockError("Live trading is unlocked already. Revoke that unlock first to record a new one.") from None
    _announce(f"Live trading unlocked: {unlock.reason}", user)
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
