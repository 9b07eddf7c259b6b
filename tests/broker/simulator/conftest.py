"""A running gateway for each test, and real clients connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from ib_async import IB

from apps.broker.simulator.testing import SimulatorProcess

Connect = Callable[..., Awaitable[IB]]
START = ("--start", "2026-11-20T15:30:00Z")  # a Friday, 10:30 in New York


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    """The market moves only on `tick`; limits are IB's."""
    with SimulatorProcess(*START) as running:
        yield running


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[SimulatorProcess]:
    """For tests that leave nothing behind: no message limit, no history pacing."""
    with SimulatorProcess(*START, "--pacing", "0", "--no-history-pacing") as running:
        yield running


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects real clients: `await connect(simulator, client_id)`. They are closed after the test."""
    clients: list[IB] = []

    async def open_client(running: SimulatorProcess, client_id: int = 1, **options: Any) -> IB:
        ib = IB()
        ib.RaiseRequestErrors = True
        ib.client.MaxRequests = 0
        clients.append(ib)
        await ib.connectAsync("127.0.0.1", running.port, client_id, timeout=10, raiseSyncErrors=True, **options)
        return ib

    yield open_client
    for ib in clients:
        ib.disconnect()
    await asyncio.sleep(0)
