"""Who is asking: the one place where HTTP requests, sockets and streams turn a cookie or a token into somebody."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.console import tokens
from apps.console.roles import VIEW_DESK

SCHEME = "Bearer"
REMEMBERED_SECONDS = 30.0
REMEMBERED_MOST = 1000


class Visitor(Protocol):
    """A user of Django or the user of a token."""

    @property
    def is_active(self) -> bool: ...

    def get_username(self) -> str: ...

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


class Kind(StrEnum):
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


@dataclass(frozen=True, slots=True)
class Credential:
    """What was presented. `key` is a session key or the digest of a token."""

    kind: Kind
    key: str


class Verdict(StrEnum):
    WELCOME = "welcome"
    UNKNOWN = "unknown"  # nobody, or nobody any more
    FORBIDDEN = "forbidden"  # somebody who may not


def credential_of(request: HttpRequest) -> Credential | None:
    """A token wins over a cookie: who sends one means it."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == SCHEME.lower() and text.strip():
        return Credential(Kind.TOKEN, tokens.digest(text.strip()))
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return Credential(Kind.SESSION, key) if key else None


def visitor_of(credential: Credential) -> Visitor | None:
    """Looks into the database, and remembers a good answer for 30 seconds."""
    visitor = tokens.user_of_token(credential.key) if credential.kind == Kind.TOKEN else user_of_session(credential.key)
    if visitor is None:
        memory.forget(credential)
    else:
        memory.keep(credential, visitor)
    return visitor


def user_of_session(key: str) -> Visitor | None:
    """The active user signed in under this session key; a changed password ends the session, as Django has it."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def judge(visitor: Visitor | None) -> Verdict:
    if visitor is None:
        return Verdict.UNKNOWN
    return Verdict.WELCOME if visitor.has_perm(VIEW_DESK) else Verdict.FORBIDDEN


def verdict_on(credential: Credential | None) -> Verdict:
    """May the holder watch and read? Asks the database."""
    return judge(visitor_of(credential)) if credential else Verdict.UNKNOWN


class Memory:
    """Who was verified lately, for the one question that must be answered while the database is away: is it away?"""

    def __init__(self) -> None:
        self._seen: dict[Credential, tuple[Visitor, float]] = {}

    def keep(self, credential: Credential, visitor: Visitor) -> None:
        visitor.has_perm(VIEW_DESK)  # loads the permissions that will be asked for without a database
        self._seen.pop(credential, None)
        self._seen[credential] = (visitor, time.monotonic())
        if len(self._seen) > REMEMBERED_MOST:
            del self._seen[next(iter(self._seen))]

    def forget(self, credential: Credential) -> None:
        self._seen.pop(credential, None)

    def recall(self, credential: Credential) -> Visitor | None:
        visitor, at = self._seen.get(credential, (None, 0.0))
        return visitor if visitor is not None and time.monotonic() - at <= REMEMBERED_SECONDS else None


memory = Memory()
