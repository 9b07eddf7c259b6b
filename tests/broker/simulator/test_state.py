"""A simulator that was killed knows everything again, or says why it will not start."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock, Trade

from apps.broker.simulator.testing import ROOT, SimulatorProcess

from .conftest import START, Connect
from .server_support import until

AAPL = Stock("AAPL", "SMART", "USD", conId=265598)
ALL = ("orders", "executions", "positions")
Start = Callable[..., SimulatorProcess]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var" / "simulator.json"


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Starts simulators over the same file, one after the other."""
    started: list[SimulatorProcess] = []

    def start_one(*options: str, tick_interval: float = 0) -> SimulatorProcess:
        command = (*START, "--pacing", "0", "--state", str(state), *options)
        started.append(SimulatorProcess(*command, tick_interval=tick_interval))
        return started[-1]

    yield start_one
    for simulator in started:
        simulator.stop()


def kill(simulator: SimulatorProcess) -> None:
    os.kill(simulator.pid, signal.SIGKILL)
    simulator.stop()


def ledger(simulator: SimulatorProcess) -> dict[str, Any]:
    return {name: simulator.control(name)[name] for name in ALL}


def by_reference(simulator: SimulatorProcess) -> dict[str, dict[str, Any]]:
    return {order["order_ref"]: order for order in simulator.control("orders")["orders"]}


async def placed(ib: IB, order: Any, *statuses: str) -> Trade:
    trade = ib.placeOrder(AAPL, order)
    await until(lambda: trade.orderStatus.status in statuses)
    return trade


async def bracket(ib: IB, entry: float) -> list[Trade]:
    orders = ib.bracketOrder("BUY", 10, entry, entry + 40, entry - 40)
    trades = [ib.placeOrder(AAPL, order) for order in orders]
    await until(lambda: all(trade.orderStatus.status in ("Submitted", "PreSubmitted") for trade in trades))
    return trades


def cash(ib: IB) -> dict[str, str]:
    return {value.currency: value.value for value in ib.accountValues() if value.tag == "CashBalance"}


# --- what comes back


async def test_killed_simulator_has_the_same_orders_positions_and_cash(start: Start, connect: Connect) -> None:
    first = start()
    ib = await connect(first)
    await placed(ib, MarketOrder("BUY", 30, orderRef="bought"), "Filled")
    await placed(ib, MarketOrder("SELL", 10, orderRef="sold"), "Filled")
    await placed(ib, LimitOrder("BUY", 7, 100, tif="GTC", orderRef="resting"), "Submitted")
    part = await placed(ib, LimitOrder("BUY", 9, 110, tif="GTC", orderRef="part"), "Submitted")
    first.control(f"fill 1 {part.order.orderId} 4 109.5")
    await placed(ib, LimitOrder("BUY", 5, 90, orderRef="gone"), "Submitted")
    ib.cancelOrder(next(trade.order for trade in ib.openTrades() if trade.order.orderRef == "gone"))
    await until(lambda: by_reference(first)["gone"]["status"] == "Cancelled")
    await bracket(ib, 120)
    before, money = ledger(first), cash(await connect(first, 2))
    kill(first)

    second = start()
    assert ledger(second) == before
    again = await connect(second, 1)
    assert cash(again) == money
    assert {fill.execution.execId for fill in again.fills()} == {row["exec_id"] for row in before["executions"]}
    known = {order["perm_id"]: order for order in before["orders"]}
    for trade in again.openTrades():
        order = known[trade.order.permId]
        found = (trade.order.orderId, trade.order.orderRef, trade.orderStatus.status, trade.order.tif)
        assert found == tuple(order[name] for name in ("order_id", "order_ref", "status", "tif"))
    assert len(again.openTrades()) == 5


async def test_bracket_goes_on_after_a_kill(start: Start, connect: Connect) -> None:
    first = start()
    parent, profit, stop = await bracket(await connect(first), 120)
    kill(first)

    second = start()
    second.control("price AAPL 119")
    second.control("tick")
    states = {order["perm_id"]: order["status"] for order in second.control("orders")["orders"]}
    numbers = [trade.order.permId for trade in (parent, profit, stop)]
    assert [states[number] for number in numbers] == ["Filled", "Submitted", "PreSubmitted"]
    second.control("price AAPL 165")
    second.control("tick")
    states = {order["perm_id"]: order["status"] for order in second.control("orders")["orders"]}
    assert [states[number] for number in numbers] == ["Filled", "Filled", "Cancelled"]


async def test_bracket_that_was_not_yet_transmitted_is_released_after_a_kill(start: Start, connect: Connect) -> None:
    first = start()
    ib = await connect(first)
    parent, profit, stop = ib.bracketOrder("BUY", 10, 120, 160, 80)
    ib.placeOrder(AAPL, parent)
    ib.placeOrder(AAPL, profit)
    await until(lambda: len(first.control("orders")["orders"]) == 2)
    kill(first)

    second = start()
    assert [order["status"] for order in second.control("orders")["orders"]] == ["PendingSubmit"] * 2
    again = await connect(second)
    again.placeOrder(AAPL, stop)
    statuses = ["Submitted", "PreSubmitted", "PreSubmitted"]
    await until(lambda: [order["status"] for order in second.control("orders")["orders"]] == statuses)


async def test_numbers_go_on_after_a_kill(start: Start, connect: Connect) -> None:
    seen: list[tuple[int, int, str]] = []
    for _ in range(3):
        simulator = start()
        ib = await connect(simulator)
        trade = await placed(ib, MarketOrder("BUY", 1), "Filled")
        seen.append((trade.order.orderId, trade.order.permId, trade.fills[0].execution.execId))
        kill(simulator)
    assert seen == sorted(seen)
    assert all(len(set(column)) == 3 for column in zip(*seen, strict=True))


async def test_orders_by_hand_and_corrections_survive_a_kill(start: Start, connect: Connect) -> None:
    first = start()
    await placed(await connect(first), MarketOrder("BUY", 10), "Filled")
    first.control("correct-exec")
    exec_id = first.control("executions")["executions"][0]["exec_id"]
    corrected = first.control(f"correct-exec {exec_id} 200.5")
    first.control("trade MSFT BUY 3")
    first.control("order MSFT BUY 5 100")
    before = ledger(first)
    kill(first)

    second = start()
    assert ledger(second) == before
    assert corrected["exec_id"] in [row["exec_id"] for row in second.control("executions")["executions"]]
    by_hand = await connect(second, 0)
    assert [(trade.order.orderId, trade.contract.symbol) for trade in by_hand.openTrades()] == [(-1, "MSFT")]


def test_prices_set_by_hand_halts_and_the_simulated_clock_survive_a_kill(start: Start) -> None:
    first = start()
    first.control("price AAPL 333")
    first.control("tick 20")
    first.control("price SPY 500")
    first.control("halt MSFT on")
    first.control("tick 3")
    symbols = ("AAPL", "SPY", "MSFT", "SPX")
    before = [first.control("now")["now"], *(first.control(f"quote {symbol}")["quotes"] for symbol in symbols)]
    kill(first)

    second = start()
    assert [
        second.control("now")["now"],
        *(second.control(f"quote {symbol}")["quotes"] for symbol in symbols),
    ] == before
    second.control("halt MSFT off")
    assert not second.control("quote MSFT")["quotes"][0]["halted"]


def test_ended_day_stays_ended_after_a_kill(start: Start) -> None:
    first = start()
    first.control("order AAPL BUY 5 100")
    first.control("end-day")
    before = ledger(first)
    kill(first)
    assert [order["status"] for order in before["orders"]] == ["Cancelled"]
    assert ledger(start()) == before


def test_terminated_simulator_knows_everything_too(start: Start) -> None:
    first = start()
    first.control("trade AAPL BUY 5")
    before = ledger(first)
    assert first.stop() == 0
    assert ledger(start()) == before


def test_deleted_file_gives_fresh_accounts(start: Start, state: Path) -> None:
    first = start()
    opening = ledger(first)
    first.control("trade AAPL BUY 5")
    first.stop()
    state.unlink()
    assert ledger(start()) == opening


def test_several_accounts_survive_a_kill(start: Start) -> None:
    accounts = ("--accounts", "DU1,DU2")
    first = start(*accounts)
    first.control("trade AAPL BUY 5")
    before = ledger(first)
    kill(first)
    assert {row["account"] for row in before["positions"]} == {"DU1", "DU2"}
    assert ledger(start(*accounts)) == before


# --- what may have happened to the file


@pytest.fixture
def written(start: Start, state: Path) -> Path:
    """By a simulator in which one order came after the other."""
    simulator = start()
    simulator.control("order AAPL BUY 5 100")
    simulator.control("order MSFT BUY 5 100")
    kill(simulator)
    return state


@pytest.mark.parametrize(("missing", "symbols"), [(1, ["AAPL", "MSFT"]), (2, ["AAPL"]), (60, ["AAPL"])])
def test_torn_last_change_is_dropped(start: Start, written: Path, missing: int, symbols: list[str]) -> None:
    written.write_bytes(written.read_bytes()[:-missing])
    simulator = start()
    assert [order["symbol"] for order in simulator.control("orders")["orders"]] == symbols
    simulator.control("order SPY BUY 1 100")
    kill(simulator)
    assert [order["symbol"] for order in start().control("orders")["orders"]] == [*symbols, "SPY"]


def refusal(path: Path, *options: str) -> str:
    """What a simulator says that does not start. The file is left as it was."""
    before = path.read_bytes()
    command = [sys.executable, "-m", "apps.broker.simulator", *START, "--tick-interval", "0", "--state", str(path)]
    ended = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert path.read_bytes() == before
    assert "Traceback" not in ended.stderr
    assert str(path) in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_damaged_file_is_refused(written: Path, where: float) -> None:
    data = bytearray(written.read_bytes())
    data[int(len(data) * where)] ^= 1
    written.write_bytes(data)
    text = refusal(written)
    assert "damaged in line" in text or "no state of a simulated gateway" in text
    assert f"mv {written} {written}.old" in text


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x00" * 500, b"hello\nworld\n", b'{"accounts": []}'])
def test_foreign_file_is_refused(state: Path, content: bytes) -> None:
    state.parent.mkdir()
    state.write_bytes(content)
    assert f"mv {state} {state}.old" in refusal(state)


def test_file_of_another_version_is_refused(written: Path) -> None:
    header, rest = written.read_bytes().split(b"\n", 1)
    text = header[9:].replace(b'"version":1', b'"version":2')
    written.write_bytes(b"%08x %s\n%s" % (crc32(text), text, rest))
    assert "version 2, not 'simulated gateway' version 1" in refusal(written)


def test_file_that_lacks_something_is_refused(written: Path) -> None:
    lines = written.read_bytes().split(b"\n")
    written.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    assert "does not fit this simulator" in refusal(written)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--seed", "8"), "with seed 7, this start has 8"),
        (("--accounts", "DU1234567,DU2"), "with accounts DU1234567, this start has DU1234567,DU2"),
        (("--start", "2026-11-21T15:30:00Z"), "with clock steps from 2026-11-20T15:30:00+00:00, this start has"),
    ],
)
def test_other_settings_than_the_files_are_refused(written: Path, options: tuple[str, ...], reason: str) -> None:
    assert reason in refusal(written, *options)


def test_file_in_use_is_refused(start: Start, state: Path) -> None:
    start()
    assert "in use by another simulator" in refusal(state)


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    command = [sys.executable, "-m", "apps.broker.simulator", "--state", str(blocked / "state.json")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Name a file that can be written." in ended.stderr


async def test_nothing_is_acknowledged_that_cannot_be_kept(start: Start, state: Path, connect: Connect) -> None:
    first = start()
    first.control("order MSFT BUY 5 100")
    before = ledger(first)
    ib = await connect(first)
    size = state.stat().st_size + 10
    resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (size, size))
    lost = ib.placeOrder(AAPL, LimitOrder("BUY", 5, 100))
    await until(lambda: not ib.isConnected())
    await until(lambda: not first.is_alive)
    assert first.stop() == 1
    assert lost.orderStatus.permId == 0
    assert ledger(start()) == before


# --- killed at any moment


class Storm:
    """A client that trades as fast as it can and writes down what it was told."""

    def __init__(self, ib: IB, dice: random.Random) -> None:
        self.orders: set[int] = set()
        self.executions: set[str] = set()
        self._ib = ib
        self._dice = dice
        ib.openOrderEvent += lambda trade: self.orders.add(trade.order.permId)
        ib.execDetailsEvent += lambda trade, fill: self.executions.add(fill.execution.execId)

    async def rage(self) -> None:
        while self._ib.isConnected():
            for _ in range(self._dice.randint(1, 12)):
                self._act()
            await asyncio.sleep(self._dice.choice((0, 0.001, 0.01)))

    def _act(self) -> None:
        dice, side = self._dice, self._dice.choice(("BUY", "SELL"))
        working = self._ib.openTrades()
        chance = dice.random()
        if chance < 0.4:
            self._ib.placeOrder(AAPL, MarketOrder(side, dice.randint(1, 9)))
        elif chance < 0.8 or not working:
            self._ib.placeOrder(AAPL, LimitOrder("BUY", dice.randint(1, 9), dice.randint(50, 60), tif="GTC"))
        else:
            self._ib.cancelOrder(dice.choice(working).order)


@pytest.fixture
async def quiet_logs() -> AsyncIterator[None]:
    """The client complains of every lost connection: twenty of them are the point here."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_a_client_was_told_is_true_after_a_kill_at_any_moment(
    start: Start, connect: Connect, seed: int, quiet_logs: None
) -> None:
    dice = random.Random(seed)
    simulator = start(tick_interval=0.02)
    held, money = _apple(simulator), Decimal(cash(await connect(simulator, 9))["USD"])
    orders: set[int] = set()
    executions: set[str] = set()
    rounds = 0
    while rounds < 5 or not executions:
        rounds += 1
        ib = await connect(simulator)
        storm = Storm(ib, dice)
        asyncio.get_running_loop().call_later(dice.uniform(0, 0.5), os.kill, simulator.pid, signal.SIGKILL)
        await storm.rage()
        simulator.stop()
        orders |= storm.orders
        executions |= storm.executions

        simulator = start(tick_interval=0.02)
        kept = ledger(simulator)
        assert orders <= {order["perm_id"] for order in kept["orders"]}
        assert executions <= {row["exec_id"] for row in kept["executions"]}
        assert _apple(simulator) == held + sum(_signed(row) for row in kept["executions"])
        spent = sum(
            _signed(row) * Decimal(str(row["price"])) + Decimal(row["commission"]) for row in kept["executions"]
        )
        assert abs(Decimal(cash(await connect(simulator, 9))["USD"]) - (money - spent)) < Decimal("0.02")


def _apple(simulator: SimulatorProcess) -> Decimal:
    held = simulator.control("positions")["positions"]
    return sum((Decimal(row["quantity"]) for row in held if row["con_id"] == AAPL.conId), Decimal(0))


def _cost(row: dict[str, Any]) -> Decimal:
    return _signed(row) * Decimal(str(row["price"])) + Decimal(row["commission"])


def _signed(row: dict[str, Any]) -> Decimal:
    return Decimal(row["shares"]) * (1 if row["side"] == "BOT" else -1)
