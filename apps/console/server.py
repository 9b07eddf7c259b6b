"""Daphne with backpressure: a sender waits while its client does not read, instead of filling the memory.

Twisted tells a registered producer when a connection's buffer is full and when it is empty again; daphne registers
none. Here each WebSocket and each long HTTP answer has a valve, and `await send(...)` waits at it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from daphne.server import Server
from twisted.internet import defer
from twisted.internet.interfaces import IPushProducer
from zope.interface.declarations import implementer

from apps.console.exceptions import PortTaken
from apps.console.frames import SharedFrame

CLOSE_HANDSHAKE_SECONDS = 5
LAST_WORDS_SECONDS = 0.2
STOP_SECONDS = 3
FRAME_BYTES = 64 * 1024


@implementer(IPushProducer)
class Valve:
    """Closed while the client's buffer (64 KB) is full."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] | None = None

    def pauseProducing(self) -> None:
        if self.opened is None:
            self.opened = asyncio.get_running_loop().create_future()

    def resumeProducing(self) -> None:
        if self.opened is not None:
            if not self.opened.done():
                self.opened.set_result(None)
            self.opened = None

    def stopProducing(self) -> None:
        self.resumeProducing()


class BackpressureServer(Server):
    def __init__(self, *args: Any, on_start: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self.on_start = on_start

    def run(self) -> None:
        self._valves: dict[Any, Valve] = {}
        self._shared_frame = SharedFrame()
        self.ready_callable = self._get_ready
        super().run()  # type: ignore[no-untyped-call]

    def _get_ready(self) -> None:
        # The loop exists and does not run yet. A client that breaks the protocol hears why, and is cut off if it does
        # not answer the close frame.
        self.ws_factory.setProtocolOptions(failByDrop=False, closeHandshakeTimeout=CLOSE_HANDSHAKE_SECONDS)
        asyncio.get_event_loop().call_soon(self.on_start)

    def kill_all_applications(self) -> defer.Deferred[None]:
        """End every conversation, and let its last words reach the wire before the sockets are closed."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end_applications()))

    async def _end_applications(self) -> None:
        instances = [details.get("application_instance") for details in self.connections.values()]
        running = [instance for instance in instances if instance is not None and not instance.done()]
        for application in running:
            application.cancel()
        await asyncio.wait([asyncio.ensure_future(asyncio.sleep(LAST_WORDS_SECONDS)), *running], timeout=STOP_SECONDS)

    def protocol_disconnected(self, protocol: Any) -> None:
        valve = self._valves.pop(protocol, None)
        if valve is not None:
            valve.stopProducing()
        super().protocol_disconnected(protocol)  # type: ignore[no-untyped-call]

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            self._fit_http_valve(protocol, more=message.get("more_body", False))
        if kind == "websocket.send" and protocol in self._valves and message.get("text"):
            self._write_text(protocol, message["text"])
        else:
            await super().handle_reply(protocol, message)  # type: ignore[no-untyped-call]
        if kind == "websocket.accept":
            self._fit_socket_valve(protocol)
        valve = self._valves.get(protocol)
        if valve is not None and valve.opened is not None and kind != "websocket.close":
            await self._wait(protocol, valve.opened)

    def _write_text(self, protocol: Any, text: str) -> None:
        """The shared frame itself: autobahn would build it anew for each client, and hold what is sent to the limit
        that is meant for what is received."""
        if protocol.state != protocol.STATE_OPEN:
            return
        write_now(protocol.transport, self._shared_frame.of(text))

    async def _wait(self, protocol: Any, opened: asyncio.Future[None]) -> None:
        try:
            await asyncio.shield(opened)
        except asyncio.CancelledError:
            # The application gave up on a client that does not read. An HTTP answer cannot be taken back, only cut.
            if hasattr(protocol, "channel") and protocol.channel is not None:
                protocol.channel.transport.abortConnection()
            raise

    def _fit_http_valve(self, request: Any, *, more: bool) -> None:
        if request not in self.connections or request.finished or request.channel is None:
            return
        if more and request not in self._valves:
            self._valves[request] = valve = Valve()
            request.registerProducer(valve, True)
        elif not more and self._valves.pop(request, None) is not None:
            request.unregisterProducer()

    def _fit_socket_valve(self, protocol: Any) -> None:
        if protocol.transport is None or not protocol.transport.connected:
            return
        self._valves[protocol] = valve = Valve()
        # The HTTP channel of the handshake has no more to do with this connection.
        protocol.transport.unregisterProducer()
        protocol.transport.registerProducer(valve, True)


def write_now(transport: Any, data: bytes) -> None:
    """Into the socket at once where nothing waits before it: the reactor's own way there costs two calls to the kernel
    more for every message."""
    if transport.connected and not transport.disconnecting and not transport.dataBuffer and not transport._tempDataLen:
        written = transport.writeSomeData(data)
        if written == len(data):
            return
        if isinstance(written, int):
            data = data[written:]
    transport.write(data)


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0: any free one.

    Raises PortTaken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"The web server cannot listen on {host}:{port}: {error.strerror}. "
            "End what holds the port, or choose another one with --port or WEB_PORT."
        ) from None
    return listener


def serve(application: Any, listener: socket.socket, *, behind_proxy: bool, on_start: Callable[[], None]) -> None:
    """Run until SIGINT or SIGTERM. `on_start` is called once, on the running loop."""
    server = BackpressureServer(
        application,
        on_start=on_start,
        endpoints=[f"fd:fileno={listener.fileno()}"],
        server_name="TradeOps",
        websocket_max_message_size=FRAME_BYTES,
        websocket_max_frame_size=FRAME_BYTES,
        proxy_forwarded_address_header="X-Forwarded-For" if behind_proxy else None,
        proxy_forwarded_proto_header="X-Forwarded-Proto" if behind_proxy else None,
    )
    server.run()
    end_tasks(asyncio.get_event_loop())


def end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """What still waits is ended in order: Python 3.11 crashes when it finds waiting coroutines at its own end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=STOP_SECONDS))
    loop.run_until_complete(loop.shutdown_asyncgens())
