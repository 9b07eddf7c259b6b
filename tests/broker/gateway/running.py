"""A gateway in a thread of the test, and waiting for what it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connections

from apps.broker.choices import SessionState
from apps.broker.config import BrokerConfig
from apps.broker.domain.restart_window import RestartCalendar
from apps.broker.gateway.gateway import Gateway
from apps.broker.models import BrokerOrder, Execution, GatewaySession, Position
from apps.broker.simulator.testing import SimulatorProcess
from tests.waiting import wait_for
from tradeops.lib import crossing

ACCOUNT = "DU1234567"
T = TypeVar("T")


def config_for(port: int, **changes: Any) -> BrokerConfig:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "client_id": 1,
        "account": "",
        "paper_trading": True,
        "restarts": RestartCalendar(()),
        "market_data_lines": 100,
        "simulated": True,
    }
    return BrokerConfig(**(values | changes))


class RunningGateway:
    def __init__(self, config: BrokerConfig, **options: Any) -> None:
        self.error: BaseException | None = None
        self._config = config
        self._options = options
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway")

    def start(self) -> None:
        self._thread.start()
        assert self._begun.wait(30)

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.gateway.stop)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the gateway did not stop"

    def do(self, work: Callable[[], T]) -> T:
        """Run a function in the gateway's event loop."""

        async def call() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(60)

    def run(self, work: Callable[[], Awaitable[T]], *, seconds: float = 90.0) -> T:
        async def call() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(seconds)

    def wait_ready(self, seconds: float = 15.0) -> GatewaySession:
        return self.wait_state(SessionState.READY, seconds=seconds)

    def wait_state(self, state: SessionState, *, seconds: float = 15.0) -> GatewaySession:
        def look() -> GatewaySession | None:
            assert self._thread.is_alive(), self.error
            row = GatewaySession.objects.filter(id=GatewaySession.ONLY).first()
            return row if row is not None and row.state == state else None

        try:
            return wait_for(look, seconds=seconds, what=state)
        except AssertionError:
            row = GatewaySession.objects.filter(id=GatewaySession.ONLY).first()
            raise AssertionError(f"no {state} within {seconds} s, but {row}: {row.reason if row else ''}") from None

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.error = error

    async def _main(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.gateway = Gateway(self._config, **self._options)
        self._begun.set()
        try:
            await self.gateway.run()
        finally:
            # The thread of the database outlives the loop; its connection must not outlive the test's database.
            await crossing.in_database(connections.close_all)


@contextmanager
def running(simulator: SimulatorProcess, *, ready: bool = True, **changes: Any) -> Iterator[RunningGateway]:
    options = {name: changes.pop(name) for name in ("live_ports",) if name in changes}
    gateway = RunningGateway(config_for(changes.pop("port", simulator.port), **changes), **options)
    gateway.start()
    try:
        if ready:
            gateway.wait_ready()
        yield gateway
    finally:
        gateway.stop()
    if gateway.error is not None:
        raise gateway.error


def shown_positions() -> dict[tuple[str, int], Decimal]:
    rows = Position.objects.exclude(quantity=0).values_list("account__code", "instrument__con_id", "quantity")
    return {(account, con_id): quantity for account, con_id, quantity in rows}


def true_positions(simulator: SimulatorProcess) -> dict[tuple[str, int], Decimal]:
    rows = simulator.control("positions")["positions"]
    return {(row["account"], row["con_id"]): Decimal(row["quantity"]) for row in rows if Decimal(row["quantity"])}


def shown_executions() -> dict[str, Decimal]:
    return dict(Execution.objects.filter(is_current=True).values_list("exec_id", "quantity"))


def true_executions(simulator: SimulatorProcess) -> dict[str, Decimal]:
    return {row["exec_id"]: Decimal(row["shares"]) for row in simulator.control("executions")["executions"]}


def shown_orders() -> set[int]:
    return set(BrokerOrder.objects.filter(is_open=True).values_list("perm_id", flat=True))


def true_orders(simulator: SimulatorProcess) -> set[int]:
    done = {"Filled", "Cancelled", "Inactive"}
    return {row["perm_id"] for row in simulator.control("orders")["orders"] if row["status"] not in done}


def wait_until_tables_agree(simulator: SimulatorProcess, *, seconds: float = 10.0) -> None:
    """The tables show exactly what the simulator's own ledger shows."""
    wait_for(lambda: shown_positions() == true_positions(simulator), seconds=seconds, what="positions")
    wait_for(lambda: shown_orders() == true_orders(simulator), seconds=seconds, what="orders")
    wait_for(lambda: shown_executions() == true_executions(simulator), seconds=seconds, what="executions")
