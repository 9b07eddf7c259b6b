"""Typed readers over django-environ that name the key, the value and what is allowed when a setting is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import time
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})

T = TypeVar("T")


class Environment:
    """Reads settings from the process environment, after `.env` in `folder` has filled the gaps."""

    def __init__(self, folder: Path) -> None:
        self._env = environ.Env()
        environ.Env.read_env(folder / ".env")

    def text(self, key: str, default: str = "") -> str:
        """The value without blanks around it; an empty one counts as not set."""
        value: str = self._env.str(key, "")
        return value.strip() or default

    def first_text(self, keys: Iterable[str]) -> tuple[str, str]:
        """The first key that is set and its value; ("", "") when none is."""
        return next(((key, self.text(key)) for key in keys if self.text(key)), ("", ""))

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        raw = self.text(key, str(default))
        try:
            value = int(raw)
        except ValueError:
            raise refused(key, raw, f"a whole number from {low} to {high}") from None
        if not low <= value <= high:
            raise refused(key, raw, f"a whole number from {low} to {high}")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        raw = self.text(key, str(default)).lower()
        if raw not in TRUE | FALSE:
            raise refused(key, raw, "true or false")
        return raw in TRUE

    def choice(self, key: str, default: str, choices: Iterable[str]) -> str:
        allowed = tuple(choices)
        value = self.text(key, default).upper()
        if value not in allowed:
            raise refused(key, value, "one of " + ", ".join(allowed))
        return value

    def list(self, key: str, default: str = "") -> list[str]:
        return [item.strip() for item in self.text(key, default).split(",") if item.strip()]

    def clock_time(self, key: str, default: str) -> time:
        raw = self.text(key, default)
        try:
            return time.fromisoformat(raw)
        except ValueError:
            raise refused(key, raw, "a time such as 23:45") from None

    def parsed(self, key: str, parse: Callable[[str], T], allowed: str) -> T | None:
        """None when it is not set. `parse` raises ValueError for what it cannot read, `allowed` says what it can."""
        raw = self.text(key)
        try:
            return parse(raw) if raw else None
        except ValueError:
            raise refused(key, raw, allowed) from None

    def path(self, key: str, default: Path) -> Path:
        return Path(self.text(key, str(default))).expanduser().absolute()

    def export(self, key: str, value: str) -> None:
        """Fill a gap for this process and its children without overriding what the operator has set."""
        os.environ.setdefault(key, value)


def refused(key: str, value: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{key}={value!r} is not valid: it must be {allowed}. Mend it in .env or the environment."
    )


def database_from_dsn(key: str, dsn: str, *, connect_timeout: int) -> dict[str, Any]:
    """Django's DATABASES entry for a PostgreSQL URL or keyword DSN; the DSN's own connect_timeout wins.

    Raises ImproperlyConfigured for anything but PostgreSQL, without repeating the DSN, which may hold a password.
    """
    try:
        parts = dict(conninfo_to_dict(dsn))
    except ProgrammingError:
        raise ImproperlyConfigured(
            f"{key} is not a PostgreSQL address: use postgresql://user:password@host:5432/name"
        ) from None
    options: dict[str, object] = {name: value for name, value in parts.items() if name not in DSN_NAMES}
    options.setdefault("connect_timeout", connect_timeout)
    # What `lib.prepared` executes is planned once per connection, not anew for the values of each call.
    options["prepare_threshold"] = 0
    options["options"] = f"{options.get('options', '')} -c plan_cache_mode=force_generic_plan".strip()
    entry: dict[str, Any] = {name: str(parts.get(part) or "") for part, name in DSN_NAMES.items()}
    return {"ENGINE": "django.db.backends.postgresql", **entry, "OPTIONS": options}


DSN_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
