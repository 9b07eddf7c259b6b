"""The control port: one command a line, one JSON answer a line. Loopback only: whoever reaches it rules the gateway."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
from typing import TYPE_CHECKING

from ..types import RequestError
from .commands import execute, refused
from .registry import CommandError

if TYPE_CHECKING:
    from ..server import Gateway

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
LONGEST_LINE = 64 * 1024


class ControlPort:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=LONGEST_LINE)

    async def stop(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self.answer(line.decode("utf-8", "replace"))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as problem:  # ValueError: the line is too long
            logger.info("control connection ended: %s", problem)
        finally:
            self._writers.discard(writer)
            writer.close()

    def answer(self, line: str) -> dict[str, object]:
        try:
            return {"ok": True, **execute(self._gateway, shlex.split(line))}
        except (CommandError, RequestError, ValueError) as problem:
            return {"ok": False, "error": refused(problem)}
        except Exception as problem:
            logger.exception("command failed: %.200s", line)
            return {"ok": False, "error": f"the simulator failed: {problem!r}"}
