"""Outgoing calls that reach public addresses only, and end in time.

The address is judged where Python hands it to the operating system, in the very call that connects. No second look-up
can slip another address in between, redirects are judged as well, and so is whatever a library does by itself. What a
library connects from threads of its own, or in native code, is not seen here.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from apps.journal.domain.addresses import refusal
from apps.journal.exceptions import AddressRefused, NoticeFailed

T = TypeVar("T")

JUDGED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class GuardedCall(Generic[T]):
    """Runs `work` in a thread of its own; after the deadline its connections are torn down."""

    def __init__(self, work: Callable[[], T], *, allow_private: bool) -> None:
        self._work = work
        self._allow_private = allow_private
        self._sockets: list[socket.socket] = []
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.refused: AddressRefused | None = None

    def result(self, *, seconds: float) -> T:
        """Raises what `work` raises, AddressRefused, or NoticeFailed when the deadline passes."""
        thread = threading.Thread(target=self._run, name="outgoing call", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._tear_down()
            raise NoticeFailed(f"no answer within {seconds:g} s")
        # The refusal names the cause; what the library made of it may not.
        error = self.refused or self._error
        if error is not None:
            raise error
        return self._result[0]

    def _run(self) -> None:
        local.call = self
        try:
            self._result.append(self._work())
        except BaseException as error:
            self._error = error

    def judge(self, connection: socket.socket, address: Any) -> None:
        self._sockets.append(connection)
        if self._allow_private:
            return
        host = address[0] if isinstance(address, tuple) else str(address)
        kind = refusal(str(host))
        if kind:
            connection.close()  # nobody else does: libraries expect an OSError here
            self.refused = AddressRefused(
                f"the target's address {host} is {kind}: only public addresses are allowed "
                "unless NOTICES_ALLOW_PRIVATE=true"
            )
            raise self.refused

    def _tear_down(self) -> None:
        for connection in self._sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Local(threading.local):
    call: GuardedCall[Any] | None = None


local = Local()


def judge_connections(event: str, arguments: tuple[Any, ...]) -> None:
    if event in JUDGED and local.call is not None:
        local.call.judge(arguments[0], arguments[1])


installed = threading.Event()
installing = threading.Lock()


def call_guarded(work: Callable[[], T], *, seconds: float, allow_private: bool) -> T:
    """`work`'s result. Raises what it raises, AddressRefused, or NoticeFailed after `seconds`."""
    with installing:
        if not installed.is_set():
            sys.addaudithook(judge_connections)
            installed.set()
    return GuardedCall(work, allow_private=allow_private).result(seconds=seconds)
