"""A snapshot of 100 and of 500 open option positions with Greeks, against the least time that IB's limits allow.

The simulated gateway enforces 50 messages a second and 100 market data lines. The bound for N contracts (the options,
their underlyings, SPY and VIX) with first values after d seconds: N / 50 + d up to 100, else
max((2 N - 100) / 50, N d / 100) + d, because each further line costs a cancel. d is measured by single quotes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from ib_async import IB, Contract, ContractDetails, Option

from apps.broker.simulator.testing import SimulatorProcess
from benchmarks.connect_sync import database

SIZES = (100, 500)
UNDERLYINGS = ("SPY", "QQQ", "IWM", "AAPL", "MSFT")
CLIENT = 60
MESSAGES, LINES = 50, 100
READY_SECONDS = 60.0
CANCEL_SECONDS = 20.0


async def listed(simulator: SimulatorProcess, count: int) -> list[ContractDetails]:
    """Options that the simulated broker lists, as many on each underlying."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", simulator.port, clientId=CLIENT)
    found: list[ContractDetails] = []
    for symbol in UNDERLYINGS:
        [stock] = await ib.qualifyContractsAsync(
            Contract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
        )
        chain = (await ib.reqSecDefOptParamsAsync(symbol, "", "STK", stock.conId))[0]
        mine: list[ContractDetails] = []
        for expiration in sorted(chain.expirations)[2:]:
            option = Option(symbol, expiration, exchange="SMART", currency="USD", right="P")
            mine += sorted(await ib.reqContractDetailsAsync(option), key=lambda item: item.contract.strike)[20:60]
        found += mine[: count // len(UNDERLYINGS)]
    ib.disconnect()
    return found


def open_trades(details: list[ContractDetails]) -> None:
    from apps.broker.choices import TradeDirection
    from apps.broker.gateway.translate import detailed_instrument
    from apps.broker.models import Instrument, Trade
    from tests.broker.ledger.builders import make_account
    from tradeops.lib import clock

    # Not of this login: the gateway derives the trades of its own accounts from executions, of which there are none.
    account, now = make_account("DU7654321"), clock.now()
    for item in details:
        row = detailed_instrument(item, now)
        values = {name: getattr(row, name) for name in type(row).__slots__ if name not in ("con_id", "detailed")}
        instrument, _ = Instrument.objects.get_or_create(con_id=row.con_id, defaults=values)
        Trade.objects.create(
            account=account,
            instrument=instrument,
            direction=TradeDirection.SHORT,
            number=1,
            # Whenever this runs, before the last close: what was opened after it has no snapshot yet.
            opened_at=now - timedelta(days=30),
            quantity=2,
            open_quantity=2,
            entry_price=Decimal(3),
            currency="USD",
        )


@contextmanager
def gateway(simulator: SimulatorProcess) -> Iterator[None]:
    from apps.broker.models import GatewaySession

    environment = {**os.environ, "IBKR_PORT": str(simulator.port), "IBKR_SIMULATED": "true", "IBKR_REGION": "NONE"}
    process = subprocess.Popen([sys.executable, "manage.py", "gateway"], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not GatewaySession.objects.filter(state="ready").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the gateway did not become ready")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


def first_values() -> float:
    """Seconds that one quote with Greeks takes from question to answer."""
    from apps.broker import services as broker
    from apps.broker.choices import RequestKind
    from apps.broker.models import Trade

    seconds = []
    for con_id in Trade.objects.values_list("instrument__con_id", flat=True)[:9]:
        begun = time.perf_counter()
        broker.ask(RequestKind.QUOTES, {"con_ids": [con_id]})
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def capture(count: int) -> tuple[float, int]:
    """Seconds, and how many contracts were quoted."""
    from apps.snapshots import services
    from apps.snapshots.models import PositionSnapshot
    from tradeops.lib import clock

    PositionSnapshot.objects.update(snapshot_date="2020-01-01")
    begun = time.perf_counter()
    found = services.capture_positions(now=clock.now())
    seconds = time.perf_counter() - begun
    complete = sum(not row.missing for row in found.taken)
    if (len(found.taken), complete) != (count, count):
        raise RuntimeError(f"captured {len(found.taken)}, {complete} of them complete, of {count}: {found.failed[:3]}")
    PositionSnapshot.objects.filter(snapshot_date="2020-01-01").delete()
    underlyings = {row.underlying.symbol for row in found.taken if row.underlying is not None}
    return seconds, count + len(underlyings | {"SPY", "VIX"})


def bound(contracts: int, wait: float) -> float:
    if contracts <= LINES:
        return contracts / MESSAGES + wait
    return max((2 * contracts - LINES) / MESSAGES, contracts * wait / LINES) + wait


def measure(count: int, runs: int) -> None:
    """The first run is not counted: it asks once what the options are on, which the next ones know."""
    from apps.broker.models import Trade
    from apps.snapshots.models import PositionSnapshot

    with SimulatorProcess() as simulator:
        PositionSnapshot.objects.all().delete()
        Trade.objects.all().delete()
        open_trades(asyncio.run(listed(simulator, count)))
        with gateway(simulator):
            held = lines_at_rest(simulator)
            wait = first_values()
            first, *times = [one_run(count, simulator, held) for _ in range(runs + 1)]
            show(count, first, times, wait, simulator, leaked(simulator, held))


def lines_at_rest(simulator: SimulatorProcess) -> int:
    """Those that follow the prices of what the account holds; once they have come to rest."""
    before, lines = -1, 0
    while lines != before or not lines:
        before = lines
        time.sleep(2)
        lines = simulator.control("status")["lines"]
    return lines


def one_run(count: int, simulator: SimulatorProcess, held: int) -> tuple[float, int]:
    result = capture(count)
    deadline = time.monotonic() + CANCEL_SECONDS
    while leaked(simulator, held) and time.monotonic() < deadline:
        time.sleep(0.2)
    return result


def leaked(simulator: SimulatorProcess, held: int) -> int:
    return int(simulator.control("status")["lines"]) - held


def show(
    count: int,
    first: tuple[float, int],
    times: list[tuple[float, int]],
    wait: float,
    simulator: SimulatorProcess,
    lost: int,
) -> None:
    contracts = times[0][1]
    least, middle = bound(contracts, wait), statistics.median(seconds for seconds, _ in times)
    violations = sum(client["violations"] for client in simulator.control("status")["clients"])
    worst = max(seconds for seconds, _ in times)
    print(f"{count} option positions, {contracts} contracts in all; {len(times)} runs")
    print(f"  least time, first values after {1000 * wait:3.0f} ms   {least:6.2f} s")
    print(f"  TradeOps, from question to stored rows   {middle:6.2f} s   worst {worst:.2f} s, first {first[0]:.2f} s")
    verdict = "met" if middle <= 1.1 * least and not violations and not lost else "MISSED"
    print(f"  P11 {verdict}: {middle / least:.2f}x the bound (target <= 1.10x)")
    print(f"  {violations} pacing errors, {lost} lines leaked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    with database():
        for count in SIZES:
            measure(count, runs)


if __name__ == "__main__":
    main()
