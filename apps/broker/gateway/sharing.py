"""One piece of work for all who ask for the same at the same time, and for those who ask soon after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from tradeops.lib import clock
from tradeops.lib.known import Known

T = TypeVar("T")


class Shared(Generic[T]):
    """`seconds` is how long an answer is given again. Failures are shared too, but not remembered."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._running: dict[Hashable, asyncio.Task[Known[T]]] = {}
        self._recent: dict[Hashable, Known[T]] = {}

    async def get(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> Known[T]:
        """Whoever gives up waiting does not stop the work for the others, so `work` must end by itself."""
        recent = self._recent.get(key)
        if recent is not None and (clock.now() - recent.as_of).total_seconds() < self._seconds:
            return recent
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._work(key, work))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    async def _work(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> Known[T]:
        answer = Known(await work(), clock.now())
        if self._seconds:
            self._recent[key] = answer
        return answer

    def _forget(self, key: Hashable, task: asyncio.Task[Known[T]]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            # Looked at, in case nobody waits any more.
            task.exception()
