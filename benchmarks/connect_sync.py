"""Connect and synchronise: the gateway (two links, all in PostgreSQL, 48 messages/s) against a bare ib_async login.

The account has 100 open orders, 300 completed ones and 600 executions. The bare login keeps what it reads in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ib_async import IB, LimitOrder, Stock

from apps.broker.simulator.testing import SimulatorProcess

OPEN, COMPLETED, PARTS = 100, 300, 2
CLIENT = 60


async def fill_account(simulator: SimulatorProcess) -> None:
    ib = IB()
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", simulator.port, clientId=CLIENT)
    contracts = await ib.qualifyContractsAsync(*(Stock(symbol, "SMART", "USD") for symbol in ("QQQ", "IWM", "SPY")))
    trades = [
        ib.placeOrder(contracts[number % 3], LimitOrder("BUY", 10, 1, tif="GTC")) for number in range(OPEN + COMPLETED)
    ]
    while any(trade.orderStatus.status != "Submitted" for trade in trades):
        await asyncio.sleep(0.01)
    for trade in trades[:COMPLETED]:
        for _ in range(PARTS):
            simulator.control(f"fill {CLIENT} {trade.order.orderId} {10 // PARTS} 1")
    ib.disconnect()


async def bare(port: int) -> float:
    ib = IB()
    begun = time.perf_counter()
    await ib.connectAsync("127.0.0.1", port, clientId=50, timeout=20, raiseSyncErrors=True)
    seconds = time.perf_counter() - begun
    assert len(ib.fills()) == COMPLETED * PARTS
    ib.disconnect()
    return seconds


async def gateway(port: int) -> float:
    """From the first byte to READY: everything is committed."""
    from apps.broker.choices import SessionState
    from apps.broker.gateway.gateway import Gateway
    from tests.broker.gateway.running import config_for

    product = Gateway(config_for(port))
    begun = time.perf_counter()
    running = asyncio.ensure_future(product.run())
    while product.keeper.verdict.state is not SessionState.READY:
        assert not running.done(), running.exception()
        await asyncio.sleep(0.001)
    seconds = time.perf_counter() - begun
    product.stop()
    await running
    return seconds


@contextmanager
def database() -> Iterator[None]:
    from tradeops.processes.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="tradeops-bench-"))
    process, address = EmbeddedPostgres(folder / "postgres").start()
    os.environ |= {
        "DATABASE_URL": address.dsn(),
        "DJANGO_SETTINGS_MODULE": "tradeops.settings",
        "TRADEOPS_VAR": str(folder),
        "LOG_LEVEL": "CRITICAL",
    }
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)


def check_tables() -> None:
    from apps.broker.models import BrokerOrder, Commission, Execution

    assert BrokerOrder.objects.filter(is_open=True).count() == OPEN
    assert BrokerOrder.objects.filter(is_open=False).count() == COMPLETED
    assert Execution.objects.count() == Commission.objects.count() == COMPLETED * PARTS


def show(name: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    low, high = min(seconds), max(seconds)
    print(f"{name:<34} min {1000 * low:6.0f}  median {1000 * middle:6.0f}  max {1000 * high:6.0f} ms")
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with database(), SimulatorProcess("--pacing", "0") as simulator:
        asyncio.run(fill_account(simulator))
        first = asyncio.run(gateway(simulator.port))
        check_tables()
        ours, theirs = [], []
        for _ in range(runs):
            theirs.append(asyncio.run(bare(simulator.port)))
            ours.append(asyncio.run(gateway(simulator.port)))
        check_tables()
    print(f"{OPEN} open orders, {COMPLETED} completed, {COMPLETED * PARTS} executions; {runs} runs each, alternating")
    print(f"{'gateway, into empty tables':<34} {1000 * first:.0f} ms")
    ratio = show("gateway, connected to ready", ours) / show("bare ib_async connectAsync", theirs)
    print(f"ratio of the medians               {ratio:.1f}x")


if __name__ == "__main__":
    main()
