"""Database questions of sockets and streams: a few at a time, however many clients come at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext

from tradeops.lib.crossing import in_database

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 8
_slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def ask_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` on a thread of its own, as soon as fewer than eight others do."""
    async with _slots_here(), ThreadSensitiveContext():
        return await in_database(function, *args, **kwargs)


def _slots_here() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _slots:
        _slots.clear()
        _slots[loop] = asyncio.Semaphore(AT_ONCE)
    return _slots[loop]
