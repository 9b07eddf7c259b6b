"""One supervised connection to the broker: it comes back by itself, and notices when the other side is gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from ib_async import IB, Contract, StartupFetchNONE
from ib_async.wrapper import RequestError

from apps.broker.choices import Priority
from apps.broker.domain.clocks import certain_offset
from apps.broker.domain.session import LinkName
from apps.broker.exceptions import AnswerError, BrokerError, LoginError, NotConnectedError, TurnDroppedError
from apps.broker.gateway.backoff import Backoff
from apps.broker.gateway.library import (
    cut_reason,
    end_question,
    forget_question,
    new_ib,
    on_other_accounts,
    unreadable,
)
from apps.broker.gateway.login_errors import explain
from apps.broker.gateway.pacing import Pacer
from tradeops.lib import clock

logger = logging.getLogger(__name__)

SYSTEM = -1
LOGIN_SECONDS = 10.0
# A connection that ends sooner was none: the pauses go on growing, though not for long where a login succeeds.
STABLE_SECONDS, LONGEST_AFTER_LOGIN = 5.0, 2.0
# A half-open link is noticed after 1.5 + 3 + 0.25 + 3 s at the latest; a pause of 6 s on the other side is none.
BEAT_SECONDS, BEAT_TIMEOUT, RETRY_SECONDS, FAILURES_ALLOWED = 1.5, 3.0, 0.25, 2
# An order may leave so long after the last answer without another question.
HEARD_SECONDS = 1.0
# These errors are verdicts on a request, but the library takes them for warnings and would wait for ever.
UNFINISHED_REQUESTS = frozenset({321, 434, 492})

T = TypeVar("T")


class Link:
    """Owns a fresh `IB()` for each connection; `ib` is None while there is none.

    `clock_offset`: seconds by which the broker's clock is certainly ahead of this machine's, at `clock_as_of`; None
    before the first answer.
    `before_login` may hold a login back. `on_message` gets every error and notice with its request id, -1 for the
    system.
    """

    def __init__(
        self,
        name: LinkName,
        *,
        host: str,
        port: int,
        client_id: int,
        pacer: Pacer,
        before_login: Callable[[], Awaitable[None]],
        on_connected: Callable[[IB], None],
        on_down: Callable[[str], None],
        on_message: Callable[[int, int, str], None],
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.client_id = client_id
        self.ib: IB | None = None
        self.connections = 0
        self._pacer = pacer
        self._before_login = before_login
        self._on_connected = on_connected
        self._on_down = on_down
        self._on_message = on_message
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lost: asyncio.Event = asyncio.Event()
        self._close_reason = ""
        self._heard_at = 0.0
        self.clock_offset: float | None = None
        self.clock_as_of: datetime | None = None
        self._answer_owed = False
        self._hurried = asyncio.Event()

    # life

    async def run(self) -> None:
        """Connect, watch, and connect again, for ever. Cancel it to disconnect."""
        backoff = Backoff()
        while True:
            await self._before_login()
            try:
                ib, said = await self._login()
            except LoginError as error:
                self._on_down(str(error))
                await self._pause(backoff.next())
                continue
            begun = asyncio.get_running_loop().time()
            try:
                reason = await self._live(ib, said)
            finally:
                self._abandon(ib)
            self._on_down(reason)
            if asyncio.get_running_loop().time() - begun >= STABLE_SECONDS:
                backoff.reset()
            await self._pause(min(backoff.next(), LONGEST_AFTER_LOGIN))

    def hurry(self) -> None:
        """The broker is back, as another link has seen: try again now."""
        self._hurried.set()

    async def _pause(self, seconds: float) -> None:
        self._hurried.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)

    def close(self, reason: str) -> None:
        """Drop the present connection; `run` goes on to the next after its pause."""
        self._close_reason = reason
        self._lost.set()

    async def _login(self) -> tuple[IB, list[tuple[int, str]]]:
        """The connection and what the broker said on the way. Raises LoginError."""
        ib = new_ib()
        said: list[tuple[int, str]] = []
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        ib.errorEvent += lambda request_id, code, text, contract: said.append((code, text))
        ib.client.apiError += lambda text: None if failed.done() else failed.set_result(str(text))
        await self._pacer.turn(Priority.RECONCILE)
        login = asyncio.ensure_future(
            ib.connectAsync(
                self.host,
                self.port,
                self.client_id,
                timeout=LOGIN_SECONDS,
                raiseSyncErrors=True,
                fetchFields=StartupFetchNONE,
            )
        )
        try:
            await asyncio.wait({login, failed}, timeout=2 * LOGIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if login.done() and login.exception() is None:
                return ib, said
            error = login.exception() if login.done() else None
            raise explain(error, said, cut_reason(ib), host=self.host, port=self.port, client_id=self.client_id)
        except BaseException:
            login.cancel()
            # The library must have finished its own clean-up before the next login.
            await asyncio.wait({login})
            if not login.cancelled():
                login.exception()
            self._abandon(ib)
            raise

    async def _live(self, ib: IB, said: list[tuple[int, str]]) -> str:
        """Until the connection is lost; returns why."""
        self._lost = asyncio.Event()
        self._close_reason = ""
        self.connections += 1
        self.ib = ib
        ib.errorEvent.clear()
        ib.errorEvent += self._on_error
        ib.disconnectedEvent += self._lost.set
        on_other_accounts(
            ib, lambda: self.close("The broker told other accounts than at the login: it is asked again.")
        )
        if not ib.isConnected():
            return "the connection closed right after the login"
        self._on_connected(ib)
        for code, text in said:
            self._on_message(SYSTEM, code, text)
        beat = asyncio.ensure_future(self._beat())
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({beat, lost}, return_when=asyncio.FIRST_COMPLETED)
            if beat.done():
                return beat.result()
            if self._close_reason:
                return self._close_reason
            other_side = f"TWS or IB Gateway at {self.host}:{self.port}"
            return f"{other_side}: {cut_reason(ib)}" if cut_reason(ib) else f"{other_side} closed the connection."
        finally:
            beat.cancel()
            lost.cancel()

    async def _beat(self) -> str:
        """Ask for the time until two answers in a row fail to come: a half-open link looks connected for ever."""
        failures = 0
        while True:
            await asyncio.sleep(RETRY_SECONDS if failures else BEAT_SECONDS)
            try:
                await self._ask_time()
                failures = 0
            except TurnDroppedError:
                # A kill emptied the queue: that says nothing of the other side.
                continue
            except BrokerError as error:
                failures += 1
                if failures >= FAILURES_ALLOWED:
                    return f"TWS or IB Gateway at {self.host}:{self.port} does not answer any more ({error})."

    async def _ask_time(self) -> None:
        before, is_owed = clock.now(), self._answer_owed
        self._answer_owed = True
        told = await self.ask(Priority.ORDER, "currentTime", lambda ib: ib.reqCurrentTimeAsync(), timeout=BEAT_TIMEOUT)
        self._answer_owed = False
        # Answers bear no number: after a question that was given up this may be its answer.
        if not is_owed:
            self.clock_as_of = clock.now()
            self.clock_offset = certain_offset(told, before=before, after=self.clock_as_of)
        self._heard_at = asyncio.get_running_loop().time()

    async def answers(self) -> bool:
        """Is the other side there? What is sent into a half-open connection may be executed much later.

        Raises TurnDroppedError.
        """
        if asyncio.get_running_loop().time() - self._heard_at < HEARD_SECONDS:
            return True
        try:
            await self._ask_time()
        except TurnDroppedError:
            raise
        except BrokerError:
            return False
        return True

    def _abandon(self, ib: IB) -> None:
        if self.ib is ib:
            self.ib = None
        for event in (ib.errorEvent, ib.disconnectedEvent, ib.client.apiError):
            event.clear()
        transport = ib.client.conn.transport
        with contextlib.suppress(OSError, RuntimeError):
            ib.disconnect()
        if transport is not None:
            # A half-open peer would never acknowledge a polite close.
            transport.abort()

    def _on_error(self, request_id: int, code: int, text: str, contract: Contract | None) -> None:
        if code in UNFINISHED_REQUESTS and self.ib is not None:
            end_question(self.ib, RequestError(request_id, code, text))
        self._on_message(request_id, code, text)

    # questions

    def connection(self) -> IB:
        """Raises NotConnectedError while there is none."""
        if self.ib is None or not self.ib.isConnected():
            raise NotConnectedError(f"The {self.name} link is not connected.")
        return self.ib

    async def send(self, priority: Priority, message: Callable[[IB], T]) -> T:
        """Wait for the turn, then send one message that has no answer of its own.

        Raises NotConnectedError when the connection went meanwhile.
        """
        await self._pacer.turn(priority)
        try:
            return message(self.connection())
        except ConnectionError as error:
            raise NotConnectedError(f"The {self.name} link is not connected.") from error

    async def ask(
        self,
        priority: Priority,
        kind: str,
        question: Callable[[IB], Awaitable[Any]],
        *,
        timeout: float,
        is_list: bool = False,
    ) -> Any:
        """One question and its answer. Questions without an id take turns; `kind` is the library's key for them.
        `is_list`: what it does not name is taken not to exist, so every message until its end must be readable.

        Raises NotConnectedError, or AnswerError when the broker refuses, does not answer in time, or not readably.
        """
        async with self._locks[kind] if kind else contextlib.nullcontext():
            await self._pacer.turn(priority)
            ib = self.connection()
            dropped = unreadable(ib)
            try:
                answer = await asyncio.wait_for(question(ib), timeout)
            except TimeoutError:
                forget_question(ib, kind)
                raise AnswerError(f"no answer from the broker within {timeout:g} s") from None
            except RequestError as error:
                raise AnswerError(f"{error.message} (IBKR {error.code})", error.code) from error
            except ConnectionError as error:
                raise NotConnectedError(f"The {self.name} link was lost before the answer came.") from error
            if is_list and unreadable(ib) != dropped:
                raise AnswerError("a part of the broker's answer could not be read: the gateway's log shows it")
            return answer
