"""What a person does who asks a database that goes away: ask again until it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections

T = TypeVar("T")
SECONDS = 60.0


def patiently(work: Callable[[], T]) -> T:
    """`work` may have been done although its answer was lost: it must bear being repeated."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError):
            assert time.monotonic() < deadline, f"no database within {SECONDS:g} s"
            connections.close_all()
            time.sleep(0.1)
