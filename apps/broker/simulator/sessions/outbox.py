"""What waits to be sent to one client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..faults import Faults


class Outbox:
    """Joins the messages of one turn of the event loop into one write, and adds latency or silence on demand.

    A client that does not read is given up when more than `limit` bytes wait for it.
    """

    def __init__(
        self, transport: asyncio.Transport, faults: Faults, limit: int, give_up: Callable[[str], None]
    ) -> None:
        self._transport = transport
        self._faults = faults
        self._limit = limit
        self._give_up = give_up
        self._fresh: list[bytes] = []
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def send(self, data: bytes) -> None:
        if not self._fresh:
            self._loop.call_soon(self.flush)
        self._fresh.append(data)

    def flush(self) -> None:
        data = b"".join(self._fresh)
        self._fresh.clear()
        if data and (self._faults.blackhole or self._faults.delay or self._waiting):
            self._hold(data)
        elif data:
            self._write(data)

    def release(self) -> None:
        """Sends what is due: called by the timer and when a black hole ends."""
        self._timer = None
        if self._faults.blackhole:
            return
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            self._write(data)
        self._arm()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._faults.blackhole:
            for _, data in self._waiting:
                self._write(data)
            self._write(b"".join(self._fresh))
        self._waiting.clear()
        self._fresh.clear()

    def _hold(self, data: bytes) -> None:
        self._waiting.append((self._loop.time() + self._faults.delay, data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > self._limit:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._give_up("too many bytes wait for the client")
        else:
            self._arm()

    def _arm(self) -> None:
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self.release)

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing() or not data:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._limit:
            self._give_up("the client reads too slowly")
