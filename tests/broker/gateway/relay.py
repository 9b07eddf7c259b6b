"""A relay between gateway and simulator that sends damaged messages beside the true ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

LENGTH = struct.Struct(">I")
# Where the version is told and the accounts are: damage there is another test's.
LOGIN_MESSAGES = 12
NOT_NUMBERS = ["", "x", "-", "nan", "inf", "1e309", "-0", "9" * 400, "\u202e", "\ufffd", "A" * 10_000, "1.5.2", "\r\n"]
# What these say of orders, executions and positions would be believed where it can still be read.
CUT_ONLY = {b"3", b"5", b"11", b"59", b"61", b"101", b"7", b"6", b"63"}


class NoisyRelay:
    """`noise`: how many damaged messages follow each true one. Counts them in `damaged`."""

    def __init__(self, target: int, seed: int) -> None:
        self.port = 0
        self.noise = 0
        self.damaged = 0
        self.raw: bytes | None = None
        self._target = target
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for work in (self._to_broker(reader, broker_writer), self._to_gateway(broker_reader, writer)):
            task = asyncio.ensure_future(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _to_broker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def _to_gateway(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                head = await reader.readexactly(LENGTH.size)
                payload = await reader.readexactly(*LENGTH.unpack(head))
                writer.write(head + payload)
                passed += 1
                if passed > LOGIN_MESSAGES:
                    for _ in range(self.noise):
                        bad = self._damage(payload)
                        writer.write(LENGTH.pack(len(bad)) + bad)
                        self.damaged += 1
                    if self.raw is not None:
                        writer.write(self.raw)
                        self.raw = None
                await writer.drain()

    def _damage(self, payload: bytes) -> bytes:
        draw = self._random
        fields = payload.split(b"\0")[:-1]
        kind = draw.randrange(5)
        if kind == 0:
            return draw.randbytes(draw.randrange(200))
        if kind == 1:
            return b"\0".join([b"%d" % draw.randrange(-5, 300), *fields[1:]][: draw.randrange(1, 5)]) + b"\0"
        if kind == 2 or fields[0] in CUT_ONLY:
            return b"\0".join(fields[: draw.randrange(max(1, len(fields) // 2))]) + b"\0"
        if kind == 3:
            return payload[: draw.randrange(len(payload))]
        place = draw.randrange(len(fields))
        fields[place] = draw.choice(NOT_NUMBERS).encode()
        return b"\0".join(fields) + b"\0"


@contextmanager
def relay(target: int, *, seed: int) -> Iterator[NoisyRelay]:
    noisy, loop, ready = NoisyRelay(target, seed), asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        async for _ in noisy.serve():
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), name="relay")
    thread.start()
    assert ready.wait(10)
    try:
        yield noisy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
