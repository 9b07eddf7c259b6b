"""One TCP connection: bytes in, frames out, the handshake, and the ways a link can break."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import TYPE_CHECKING

from ..protocol.framing import MAX_FRAME, FrameBuffer, FramingError, decode_fields, encode_frame
from ..protocol.handshake import HIGHEST_VERSION, parse_version_range
from ..protocol.system import NO_REQUEST, Message, error
from ..protocol.times import session_text
from .outbox import Outbox
from .session import Session

if TYPE_CHECKING:
    from ..server import Gateway

logger = logging.getLogger(__name__)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._buffer = FrameBuffer()
        self._congested = False
        self._doomed = False
        self._transport: asyncio.Transport
        self._outbox: Outbox
        self._login_timer: asyncio.TimerHandle
        self.session: Session | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type for TCP
        limits = self._gateway.settings.limits
        self._transport = transport
        self._outbox = Outbox(transport, self._gateway.faults, limits.unsent_bytes, self._give_up)
        self._login_timer = asyncio.get_running_loop().call_later(limits.login_seconds, self._login_overdue)
        if self._gateway.faults.accept_close or len(self._gateway.connections) >= limits.connections:
            transport.close()
            return
        self._gateway.connections.add(self)
        self.regulate_reading()

    def data_received(self, data: bytes) -> None:
        try:
            self._buffer.feed(data)
            for payload in self._buffer.payloads():
                self._receive(payload)
                if self._transport.is_closing():
                    return
        except FramingError as problem:
            logger.info("closing a connection: %s", problem)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._login_timer.cancel()
        self._gateway.connections.discard(self)
        if self.session is not None:
            self.session.ended()

    # for sessions and the gateway

    def send(self, message: Message) -> None:
        if not self._transport.is_closing():
            self._outbox.send(encode_frame(message))

    def close(self) -> None:
        """After everything has been sent."""
        self._outbox.close()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def reset(self) -> None:
        """Ends the link with a TCP reset."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def congest(self, congested: bool) -> None:
        if congested != self._congested:
            self._congested = congested
            self.regulate_reading()

    def regulate_reading(self) -> None:
        if self._transport.is_closing():
            return
        if self._congested or self._gateway.faults.blackhole:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def leave_blackhole(self) -> None:
        """A link that would have broken meanwhile breaks now; else what was held back arrives late."""
        if self._doomed:
            self.abort()
            return
        self.regulate_reading()
        self._outbox.release()

    def _receive(self, payload: bytes) -> None:
        if self.session is None:
            self._shake_hands(payload)
        else:
            self.session.receive(decode_fields(payload))

    def _shake_hands(self, payload: bytes) -> None:
        wanted = parse_version_range(payload)
        version = wanted.choose()
        if version is None:
            self.send(error(NO_REQUEST, 506, "Unsupported version", min(wanted.highest, HIGHEST_VERSION)))
            self.close()
            return
        self._buffer.limit = MAX_FRAME
        self.session = Session(self._gateway, self, version, wanted.asks_for_pacing)
        self.send((version, session_text(self._gateway.market.now())))

    def _login_overdue(self) -> None:
        if self.session is None or not self.session.started:
            self.abort()

    def _give_up(self, reason: str) -> None:
        if self._gateway.faults.blackhole:
            self._doomed = True
            return
        logger.warning("disconnecting a client: %s", reason)
        self.abort()
