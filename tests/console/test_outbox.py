"""One client's way out: in order, without a task while it reads, bounded while it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.console import outbox
from apps.console.outbox import Outbox


class Client:
    """A connection that takes messages while it is open and makes the sender wait while it is not."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False
        self.stalled = self.left = 0
        self.outbox = Outbox(self.send, on_stalled=self.note_stalled, on_gone=self.note_left)

    async def send(self, message: dict[str, Any]) -> None:
        if self.gone:
            raise ConnectionError
        await self.open.wait()
        await asyncio.sleep(0) if not self.open.is_set() else None
        self.received.append(message["text"])

    def note_stalled(self) -> None:
        self.stalled += 1

    def note_left(self) -> None:
        self.left += 1


async def settled() -> None:
    """Until every other task has run as far as it can."""
    while asyncio.all_tasks() != {asyncio.current_task()}:
        await asyncio.sleep(0)


async def test_reading_client_is_served_at_once_without_a_task() -> None:
    client = Client()
    before = asyncio.all_tasks()
    client.outbox.push("one")
    assert client.received == ["one"]
    assert asyncio.all_tasks() == before


async def test_order_is_kept_through_a_pause() -> None:
    client = Client()
    client.outbox.push("0")
    client.open.clear()
    for index in range(1, 50):
        client.outbox.push(str(index))
    assert client.received == ["0"]
    client.open.set()
    await settled()
    client.outbox.push("50")
    assert client.received == [str(index) for index in range(51)]


async def test_waiting_states_replace_each_other_and_events_do_not() -> None:
    client = Client()
    client.open.clear()
    client.outbox.push("first")
    client.outbox.push("event 1")
    client.outbox.push("positions 1", replaces="positions")
    client.outbox.push("event 2")
    client.outbox.push("positions 2", replaces="positions")
    client.open.set()
    await settled()
    assert client.received == ["first", "event 1", "event 2", "positions 2"]


@pytest.mark.parametrize(("text", "count"), [("x", outbox.QUEUE_MESSAGES + 2), ("x" * 200_000, 7)])
async def test_client_that_stops_reading_is_given_up_once(text: str, count: int) -> None:
    client = Client()
    client.open.clear()
    for _ in range(count):
        client.outbox.push(text)
    assert client.stalled == 1
    for _ in range(1000):
        client.outbox.push(text)
    assert client.stalled == 1
    client.open.set()
    await settled()
    assert len(client.received) <= 1


async def test_client_that_left_is_noticed_once() -> None:
    client = Client()
    client.gone = True
    client.outbox.push("one")
    client.outbox.push("two")
    assert (client.left, client.stalled) == (1, 0)


async def test_client_that_leaves_during_a_pause_is_noticed() -> None:
    client = Client()
    client.open.clear()
    client.outbox.push("one")
    client.outbox.push("two")
    client.gone = True
    client.open.set()
    await settled()
    assert client.left == 1
