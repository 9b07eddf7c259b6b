"""What the tests of the server share: waiting for conditions, recording what arrives, and a bare connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

from ib_async import IB

from apps.broker.simulator.protocol.framing import LENGTH, decode_fields, encode_frame
from apps.broker.simulator.testing import SimulatorProcess

SECONDS = 10.0


async def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Waits for a condition to become true and returns its value."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (value := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"did not become true within {seconds:g} s: {condition}")
        await asyncio.sleep(0.005)
    return value


class Recorder:
    """Every message a client receives, as fields, before the client decodes it; and every error it reports."""

    def __init__(self, ib: IB) -> None:
        self.messages: list[list[str]] = []
        self.errors: list[tuple[int, int, str]] = []
        interpret = ib.client.decoder.interpret

        def record(fields: list[str]) -> None:
            self.messages.append(list(fields))
            interpret(fields)

        ib.client.decoder.interpret = record
        ib.errorEvent += lambda request_id, code, text, contract: self.errors.append((request_id, code, text))

    def kinds(self) -> set[int]:
        return {int(fields[0]) for fields in self.messages}

    def codes(self) -> list[int]:
        return [code for _, code, _ in self.errors]

    async def error(self, code: int) -> tuple[int, int, str]:
        await until(lambda: code in self.codes())
        return next(error for error in self.errors if error[1] == code)


class Wire:
    """A bare TCP connection to the API port: says exactly what it is told to."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._socket = socket.create_connection(("127.0.0.1", simulator.port), timeout=SECONDS)
        self._received = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def say(self, *fields: object) -> None:
        self.send(encode_frame(fields))

    def hello(self, versions: bytes = b"v157..178") -> list[str]:
        self.send(b"API\0" + LENGTH.pack(len(versions)) + versions)
        return self.hear()

    def login(self, client_id: int) -> None:
        self.hello()
        self.say(71, 2, client_id, "")
        self.hear_until(lambda fields: fields[0] == "9")

    def hear(self) -> list[str]:
        """The next message. EOFError if the gateway has closed the connection."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return decode_fields(self._read(length))

    def hear_until(self, wanted: Callable[[Sequence[str]], bool]) -> list[str]:
        while not wanted(fields := self.hear()):
            pass
        return fields

    def hear_error(self, code: int) -> list[str]:
        return self.hear_until(lambda fields: fields[0] == "4" and fields[3] == str(code))

    def is_closed_by_peer(self) -> bool:
        """Reads whatever still comes; true once the gateway ends the connection."""
        try:
            while self._socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self._socket.close()

    def _read(self, count: int) -> bytes:
        while len(self._received) < count:
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the gateway closed the connection")
            self._received += data
        taken, self._received = self._received[:count], self._received[count:]
        return taken
