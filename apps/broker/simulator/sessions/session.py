"""One client: who it is, what it has subscribed to, and in what order its messages are handled."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from ..limits import MessageRate
from ..protocol.messages import Request
from ..protocol.system import NO_REQUEST, Message, error
from ..streams.registry import Streams

if TYPE_CHECKING:
    from ..server import Gateway
    from ..streams.account_updates import AccountUpdates
    from .connection import Connection

logger = logging.getLogger(__name__)
VIOLATIONS_ALLOWED = 2
LIVE_DATA = 1


class Session:
    def __init__(self, gateway: Gateway, connection: Connection, version: int, paced: bool) -> None:
        self.gateway = gateway
        self.version = version
        self.client_id = NO_REQUEST
        self.started = False
        self.market_data_type = LIVE_DATA
        self.streams = Streams()
        self.wants_positions = False
        self.wants_bulletins = False
        self.account_updates: AccountUpdates | None = None
        self.unacknowledged: set[int] = set()  # order ids whose answers are lost on purpose
        self.received = 0
        self.sent = 0
        self._connection = connection
        self._paced = paced
        self._rate = MessageRate()
        self._too_fast: deque[list[str]] = deque()  # wait for the message rate
        self._held: deque[list[str]] = deque()  # wait for the broker
        self._withheld: list[Message] = []
        self._timer: asyncio.TimerHandle | None = None

    # answers

    def send(self, message: Message) -> None:
        self.sent += 1
        self._connection.send(self.gateway.faults.garbled(message))

    def error(self, request_id: int, code: int, text: str) -> None:
        self.send(error(request_id, code, text, self.version))

    def notify(self, message: Message) -> None:
        """News about orders and accounts: they wait while the broker is out of reach."""
        if self.gateway.faults.broker_connected:
            self.send(message)
        else:
            self._withheld.append(message)

    # messages of the client

    def receive(self, fields: list[str]) -> None:
        self.received += 1
        self.gateway.journal.record(self.client_id, fields)
        if self._too_fast:
            self._too_fast.append(fields)
            self._regulate()
        else:
            self._admit(fields)

    def broker_restored(self) -> None:
        """What was held back goes out, what the client asked meanwhile is handled."""
        for message in self._withheld:
            self.send(message)
        self._withheld.clear()
        held, self._held = self._held, deque()
        for fields in held:
            self._process(fields)
        self._regulate()

    def close(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        self._connection.reset()

    def ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.gateway.forget(self)

    def _admit(self, fields: list[str]) -> None:
        pacing = self.gateway.pacing
        wait = self._rate.wait(asyncio.get_running_loop().time(), pacing.messages_per_second)
        if not wait:
            self._process(fields)
        elif pacing.delays or self._paced:
            self._too_fast.append(fields)
            self._work_off_in(wait)
        else:
            self._refuse()

    @property
    def violations(self) -> int:
        """Messages that were refused for coming too fast."""
        return self._rate.violations

    def _process(self, fields: list[str]) -> None:
        if self.started and not self.gateway.faults.broker_connected and not is_local(fields):
            self._held.append(fields)
            self._regulate()
        else:
            self.gateway.handle(self, fields)

    def _refuse(self) -> None:
        self._rate.violations += 1
        self.error(NO_REQUEST, 100, "Max rate of messages per second has been exceeded")
        if self._rate.violations > VIOLATIONS_ALLOWED:
            logger.warning("client %s exceeded the message rate too often", self.client_id)
            self.close()

    def _work_off_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._work_off)

    def _work_off(self) -> None:
        self._timer = None
        while self._too_fast:
            wait = self._rate.wait(asyncio.get_running_loop().time(), self.gateway.pacing.messages_per_second)
            if wait:
                self._work_off_in(wait)
                break
            self._process(self._too_fast.popleft())
        self._regulate()

    def _regulate(self) -> None:
        waiting = len(self._too_fast) + len(self._held)
        self._connection.congest(waiting >= self.gateway.settings.limits.unprocessed_messages)


LOCAL = frozenset(
    {
        Request.START_API,
        Request.REQ_CURRENT_TIME,
        Request.REQ_IDS,
        Request.REQ_MANAGED_ACCTS,
        Request.SET_SERVER_LOG_LEVEL,
        Request.REQ_MARKET_DATA_TYPE,
    }
)


def is_local(fields: list[str]) -> bool:
    """Answered by the gateway itself, without the broker's servers."""
    return bool(fields) and fields[0].isdigit() and int(fields[0]) in LOCAL
