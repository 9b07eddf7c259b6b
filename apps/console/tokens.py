"""Tokens of machines: made, found, ended."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.console.choices import Role
from apps.console.exceptions import DuplicateToken, UnknownRole, UnknownToken
from apps.console.models import ApiToken
from apps.console.roles import permissions_of_role
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREFIX = "tops_"
SHOWN = 10
# `last_used_at` is written at most this often, so that reading does not write.
LAST_USED_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenUser:
    """Stands where a person would: has the permissions of the token's role, and no row in the user table."""

    name: str
    granted: frozenset[str] = field(repr=False)
    person: str = ""
    pk: None = None
    is_active: bool = True
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_staff: bool = False
    is_superuser: bool = False

    @property
    def username(self) -> str:
        return f"token:{self.name}"

    def get_username(self) -> str:
        return self.username

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return perm in self.granted

    def __str__(self) -> str:
        return self.username


@transaction.atomic
def create_token(*, name: str, role: str, days: int | None, actor: str, person: User | None = None) -> str:
    """The new token's text, which nobody can read again. `person` is whose it is.

    Raises UnknownRole or DuplicateToken.
    """
    if role not in Role.values:
        raise UnknownRole(f"There is no role {role!r}: choose one of {', '.join(Role.values)}.")
    text = PREFIX + secrets.token_urlsafe(32)
    expires_at = clock.now() + timedelta(days=days) if days is not None else None
    try:
        with transaction.atomic():
            ApiToken.objects.create(
                name=name, role=role, person=person, prefix=text[:SHOWN], digest=digest(text), expires_at=expires_at
            )
    except IntegrityError:
        raise DuplicateToken(f"A token named {name!r} is active: revoke it first, or choose another name.") from None
    record(f"token {name} created with role {role} for {person or 'nobody'}", actor)
    return text


@transaction.atomic
def revoke_token(*, name: str, actor: str) -> None:
    """Raises UnknownToken where no active token has that name."""
    if not ApiToken.objects.filter(name=name, revoked_at__isnull=True).update(revoked_at=clock.now()):
        raise UnknownToken(f"No active token is named {name!r}: `manage.py api_token list` shows them.")
    record(f"token {name} revoked", actor)


def record(message: str, actor: str) -> None:
    journal.record(step="Token", message=message, level=Level.WARN, scope="console", actor=actor)


def user_of_token(token_digest: str) -> TokenUser | None:
    """Whom a token stands for; None for unknown, revoked and expired ones."""
    now = clock.now()
    valid = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    tokens = ApiToken.objects.select_related("person")
    token = tokens.filter(valid, digest=token_digest, revoked_at__isnull=True).first()
    if token is None:
        return None
    note_use(token, now)
    person = token.person.get_username() if token.person else ""
    return TokenUser(name=token.name, granted=permissions_of_role(token.role), person=person)


def note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
