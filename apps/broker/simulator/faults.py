"""Everything that can be made to go wrong, as switches and counters that the other parts consult."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from .exchange.requests import OrderRequest
from .protocol.messages import Answer, Request
from .protocol.system import Message

Entitlement = Literal["live", "delayed", "none"]


@dataclass(slots=True)
class Failure:
    code: int
    left: int


@dataclass(slots=True)
class Faults:
    """`broker_connected` is False between 1100 and 1101 or 1102."""

    delay: float = 0.0  # seconds added to everything the server sends
    clock_offset: float = 0.0  # seconds by which the broker's clock is ahead of this machine's
    blackhole: bool = False
    accept_close: bool = False
    broker_connected: bool = True
    read_only: bool = False
    mutes: Counter[Request] = field(default_factory=Counter)
    garbles: Counter[Answer] = field(default_factory=Counter)
    failures: dict[Request, Failure] = field(default_factory=dict)
    lose_acknowledgements: int = 0
    lose_orders: int = 0
    late_orders: bool = False
    on_their_way: list[OrderRequest] = field(default_factory=list)
    swallow_executions: int = 0
    swallowed_executions: set[str] = field(default_factory=set)
    default_entitlement: Entitlement = "live"
    entitlements: dict[str, Entitlement] = field(default_factory=dict)

    def swallows(self, request: Request) -> bool:
        """Uses up one of the requests that shall never be answered."""
        if self.mutes[request] <= 0:
            return False
        self.mutes[request] -= 1
        return True

    def garbled(self, message: Message) -> Message:
        """Cuts the message down to its head if it is one that shall not be readable; uses up one of them."""
        if not self.garbles or self.garbles[kind := Answer(int(str(message[0])))] <= 0:
            return message
        self.garbles[kind] -= 1
        return message[:2]

    def fail(self, request: Request, code: int, count: int) -> None:
        self.failures[request] = Failure(code, count)

    def failure_code(self, request: Request) -> int | None:
        """Uses up one of the requests that shall be answered with an error."""
        failure = self.failures.get(request)
        if failure is None or failure.left <= 0:
            return None
        failure.left -= 1
        return failure.code

    def loses_order(self) -> bool:
        self.lose_orders, lost = max(0, self.lose_orders - 1), self.lose_orders > 0
        return lost

    def swallows_execution(self, exec_id: str) -> bool:
        """An execution that is not reported when it happens is in no list either."""
        if self.swallow_executions > 0:
            self.swallow_executions -= 1
            self.swallowed_executions.add(exec_id)
        return exec_id in self.swallowed_executions

    def loses_acknowledgement(self) -> bool:
        self.lose_acknowledgements, lost = max(0, self.lose_acknowledgements - 1), self.lose_acknowledgements > 0
        return lost

    def entitlement(self, symbol: str) -> Entitlement:
        return self.entitlements.get(symbol, self.default_entitlement)

    def entitle(self, level: Entitlement, symbol: str | None) -> None:
        if symbol is None:
            self.default_entitlement = level
            self.entitlements.clear()
        else:
            self.entitlements[symbol] = level
