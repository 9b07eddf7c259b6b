"""Frames: four bytes of big-endian length, then fields ended by a zero byte each."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from .fields import text

HELLO = b"API\0"
MAX_FRAME = 16 * 1024 * 1024
MAX_LOGIN_FRAME = 4096
LENGTH = struct.Struct(">I")


class FramingError(Exception):
    """The bytes are not the protocol: the connection has to be closed."""


def encode_frame(values: Iterable[object]) -> bytes:
    payload = "\0".join([text(value) for value in values]).encode("utf-8", "replace") + b"\0"
    return LENGTH.pack(len(payload)) + payload


def decode_fields(payload: bytes) -> list[str]:
    fields = payload.decode("utf-8", "replace").split("\0")
    if fields[-1] == "":
        fields.pop()
    return fields


class FrameBuffer:
    """Collects bytes as they arrive and hands out complete payloads.

    The limit is checked as soon as a length is known, so a lying client never makes the server buffer much.
    """

    def __init__(self) -> None:
        self.limit = MAX_LOGIN_FRAME
        self._buffer = bytearray()
        self._hello_seen = False

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def payloads(self) -> Iterator[bytes]:
        """Complete payloads so far. Raises FramingError on a wrong hello or an oversized length."""
        if not self._take_hello():
            return
        position = 0
        try:
            while len(self._buffer) - position >= LENGTH.size:
                (length,) = LENGTH.unpack_from(self._buffer, position)
                if length > self.limit:
                    raise FramingError(f"a frame of {length} bytes exceeds the limit of {self.limit}")
                end = position + LENGTH.size + length
                if end > len(self._buffer):
                    return
                payload = bytes(self._buffer[position + LENGTH.size : end])
                position = end
                yield payload
        finally:
            del self._buffer[:position]

    def _take_hello(self) -> bool:
        if self._hello_seen:
            return True
        if not HELLO.startswith(self._buffer[: len(HELLO)]):
            raise FramingError("the connection did not start with the API hello")
        if len(self._buffer) < len(HELLO):
            return False
        del self._buffer[: len(HELLO)]
        self._hello_seen = True
        return True
