"""Waiting for what must come true, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], *, seconds: float = 40.0, what: str = "") -> T:
    """The first true value of `look`. AssertionError tells the last one."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or look}: {value!r}"
        time.sleep(0.02)
    return value
