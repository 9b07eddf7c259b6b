"""A web process says that it lives, so that its death is noticed."""

from __future__ import annotations

import os
import secrets
import socket
import time
from datetime import datetime

from apps.journal.choices import ProcessKind
from apps.journal.services import heartbeats

EVERY_SECONDS = 3.0


class WebHeartbeat:
    def __init__(self) -> None:
        self._name = ""
        self._started_at: datetime | None = None
        self._next_at = 0.0

    def beat(self, *, now: datetime) -> None:
        """Write it if the last time is long enough ago."""
        if time.monotonic() < self._next_at:
            return
        if self._started_at is None:
            self._started_at = now
            self._name = f"web-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        heartbeats.beat(
            name=self._name,
            kind=ProcessKind.WEB,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            now=now,
        )
        self._next_at = time.monotonic() + EVERY_SECONDS

    def stop(self) -> None:
        """A clean end is no death."""
        if self._started_at is not None:
            heartbeats.say_stopped(name=self._name)
