"""When a message may leave: one evenly spaced stream over both links, the urgent first.

The broker library's own queue is first in first out and lost with the link, so nothing may ever wait there.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque

from apps.broker.choices import Priority
from apps.broker.exceptions import TurnDroppedError

# IB allows 50 messages a second. A timer that fires late lets two catch up, and one cancel leaps ahead of its time, so
# that no second holds more than 49 messages, or 40 orders.
MESSAGES_PER_SECOND = 46.0
ORDERS_PER_SECOND = 38.0
# Where several leave at once, in the second before: room is left for what leaps or catches up after them.
MOST_MESSAGES, MOST_ORDERS = 46, 38
LEAP_SECONDS = 1.0
KEPT = frozenset({Priority.CANCEL, Priority.RECONCILE})


class Pacer:
    """`await turn(priority)` before each message. Cancelled waiters lose their place and cost nothing."""

    def __init__(self, rate: float = MESSAGES_PER_SECOND) -> None:
        self._spacing = 1 / rate
        self._after_order = max(self._spacing, 1 / ORDERS_PER_SECOND)
        self._next_at = 0.0
        self._leapt_at = float("-inf")
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timed = False
        self._left: deque[tuple[float, Priority]] = deque(maxlen=MOST_MESSAGES)

    async def turn(self, priority: Priority) -> None:
        await self.turns(priority, 1)

    async def turns(self, priority: Priority, count: int) -> None:
        """For `count` messages that leave at once: afterwards the next wait as long as these would have taken.

        While the first turns waited for the last, others may have left: then it waits for more.
        """
        for _ in range(count):
            await self._one(priority)
        while count > 1 and self._would_be_too_many(priority, count):
            await self._one(priority)
        now = asyncio.get_running_loop().time()
        self._left.extend([(now, priority)] * count)
        self._next_at += (count - 1) * self._after_order

    async def _one(self, priority: Priority) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), future))
        self._release()
        await future

    def _would_be_too_many(self, priority: Priority, count: int) -> bool:
        since = asyncio.get_running_loop().time() - 1
        lately = [left for at, left in self._left if at > since]
        orders = lately.count(Priority.ORDER) if priority == Priority.ORDER else 0
        too_many_orders = orders > 0 and orders + count > MOST_ORDERS
        return too_many_orders or (bool(lately) and len(lately) + count > MOST_MESSAGES)

    @property
    def depth(self) -> int:
        return sum(not future.done() for _, _, future in self._waiting)

    def clear(self) -> int:
        """Drop the orders and questions for data that wait: their `turn` raises TurnDroppedError. Returns how many.

        Reading what the broker shows stays: it never goes before a cancel, and a kill is verified by it.
        """
        dropped = [future for priority, _, future in self._waiting if priority not in KEPT and not future.done()]
        for future in dropped:
            future.set_exception(TurnDroppedError("dropped from the queue, so that cancels go first; ask again"))
        return len(dropped)

    def _release(self) -> None:
        """Let the most urgent one go if it is time, else see to it that somebody looks again then."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._waiting[0][2].done():
                heapq.heappop(self._waiting)
                continue
            delay = self._next_at - loop.time()
            if delay > 0 and not self._leaps():
                self._look_again_in(delay)
                return
            priority, _, future = heapq.heappop(self._waiting)
            future.set_result(None)
            spacing = self._after_order if priority == Priority.ORDER else self._spacing
            self._next_at = loop.time() + spacing + (delay if delay > 0 else -self._credit(-delay))

    def _leaps(self) -> bool:
        """The first cancel goes at once, and those after it wait as long as if it had not."""
        now = asyncio.get_running_loop().time()
        if self._waiting[0][0] != Priority.CANCEL or now - self._leapt_at < LEAP_SECONDS:
            return False
        self._leapt_at = now
        return True

    def _credit(self, late: float) -> float:
        """A timer that fires late must not slow down all that follow; two messages at most catch up at once."""
        return min(late, 2 * self._spacing) if self._timed else 0.0

    def _look_again_in(self, delay: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timed = True
        self._release()
        self._timed = False
