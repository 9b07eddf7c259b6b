"""The one crossing between async rooms and the synchronous ORM."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking database work off the event loop.

    Calls share one thread per context, in order. Stale connections are dropped before and after, but never inside a
    transaction that the caller has open.
    """
    return await sync_to_async(_with_fresh_connections, thread_sensitive=True)(lambda: function(*args, **kwargs))


def _with_fresh_connections(work: Callable[[], T]) -> T:
    _drop_stale_connections()
    try:
        return work()
    finally:
        _drop_stale_connections()


def _drop_stale_connections() -> None:
    if not any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        close_old_connections()
