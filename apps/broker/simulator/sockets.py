"""A port that can refuse connections for a while without being lost to another program."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


class ReservedPort:
    """Holds the port with a socket that never listens; a second one listens while connections are welcome."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._guard = _bound(host, port)
        self.port: int = self._guard.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def listen(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(protocol, sock=_bound(self._host, self.port), backlog=256)

    def refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        self.refuse()
        self._guard.close()
