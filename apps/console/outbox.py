"""One client's way out: sent at once while the client reads, a short queue when it pauses, given up when it stops.

A send that completes at once needs no task: the coroutine is stepped by hand. Only one that has to wait for the
client gets a task, which then empties the queue.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any

logger = logging.getLogger(__name__)

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

QUEUE_MESSAGES = 500
QUEUE_CHARACTERS = 1_000_000


class Outbox:
    """`on_stalled` is called once, when the client reads so slowly that its queue is full; `on_gone`, when a send
    fails because the client left."""

    def __init__(self, send: Send, *, on_stalled: Callable[[], None], on_gone: Callable[[], None]) -> None:
        self._send = send
        self._on_stalled = on_stalled
        self._on_gone = on_gone
        self._queue: deque[tuple[str, str]] = deque()
        self._queued_characters = 0
        self._waiting: asyncio.Task[None] | None = None
        self._closed = False

    def push(self, text: str, *, replaces: str = "") -> None:
        """Send `text` now or in its turn. Of messages that replace each other only the newest waits."""
        if self._closed:
            return
        if self._waiting is None:
            self._send_now(text)
        else:
            self._enqueue(text, replaces)

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._queue.clear()
        if self._waiting is not None:
            self._waiting.cancel()

    def _send_now(self, text: str) -> None:
        sending = self._send(message_of(text)).__await__()
        try:
            blocker = sending.send(None)
        except StopIteration:
            return
        except Exception:
            self._leave()
            return
        self._waiting = asyncio.get_running_loop().create_task(self._finish(sending, blocker))

    async def _finish(self, sending: Any, blocker: Any) -> None:
        try:
            await continued(sending, blocker)
            while self._queue and not self._closed:
                _replaces, text = self._queue.popleft()
                self._queued_characters -= len(text)
                await self._send(message_of(text))
        except Exception:
            self._leave()
        finally:
            # At once, not in a callback: what is pushed in between would lie in a queue that nobody empties.
            self._waiting = None

    def _enqueue(self, text: str, replaces: str) -> None:
        if replaces:
            self._drop_replaced(replaces)
        self._queue.append((replaces, text))
        self._queued_characters += len(text)
        if len(self._queue) > QUEUE_MESSAGES or self._queued_characters > QUEUE_CHARACTERS:
            self.close()
            self._on_stalled()

    def _drop_replaced(self, replaces: str) -> None:
        for index, (key, text) in enumerate(self._queue):
            if key == replaces:
                del self._queue[index]
                self._queued_characters -= len(text)
                return

    def _leave(self) -> None:
        """Servers raise what they like when a client has gone; the log can tell whether it was that."""
        logger.debug("a send failed", exc_info=True)
        if not self._closed:
            self._closed = True
            self._on_gone()


_latest: Message = {"text": None}


def message_of(text: str) -> Message:
    """One message for all clients that are sent the same text."""
    global _latest
    if _latest["text"] is not text:
        _latest = {"type": "websocket.send", "text": text}
    return _latest


@types.coroutine
def continued(sending: Any, blocker: Any) -> Generator[Any, Any, None]:
    """Carry on inside a task with a coroutine that was started outside one and now waits for `blocker`."""
    while True:
        try:
            value = yield blocker
        except BaseException as error:
            try:
                blocker = sending.throw(error)
            except StopIteration:
                return
        else:
            try:
                blocker = sending.send(value)
            except StopIteration:
                return
