"""The gateway ends when it is told to, whatever its tasks do with the word."""

from __future__ import annotations

import asyncio

from apps.broker.gateway.gateway import cancel_all


async def test_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if len(swallowed) == 2:
                    raise
                swallowed.append(1)

    task = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel_all([task]), 10)
    assert task.cancelled() and len(swallowed) == 2


async def test_task_that_failed_does_not_keep_the_others_alive() -> None:
    async def failing() -> None:
        raise ValueError("a bug")

    failed, waiting = asyncio.ensure_future(failing()), asyncio.ensure_future(asyncio.sleep(60))
    await asyncio.sleep(0)
    await cancel_all([failed, waiting])
    assert failed.done() and waiting.cancelled()
