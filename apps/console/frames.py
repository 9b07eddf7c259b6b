"""WebSocket frames made once. The server's frames are unmasked, so one serves every client."""

from __future__ import annotations

import struct


def text_frame(text: str) -> bytes:
    """A whole, unmasked text message (RFC 6455, 5.2)."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload


class SharedFrame:
    """The frame of the latest text: a broadcast asks for the same one a thousand times."""

    def __init__(self) -> None:
        self._text, self._frame = "", text_frame("")

    def of(self, text: str) -> bytes:
        if self._text is not text:
            self._text, self._frame = text, text_frame(text)
        return self._frame
