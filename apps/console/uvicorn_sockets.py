"""The same shortcut for uvicorn: `uvicorn tradeops.asgi:application --ws apps.console.uvicorn_sockets:SharedFrames`."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from apps.console.frames import SharedFrame

_shared = SharedFrame()


class SharedFrames(WebSocketsSansIOProtocol):
    async def send(self, message: Any) -> None:
        """A text that is not compressed goes out as it is; everything else takes uvicorn's way."""
        text = message.get("text")
        if text is None or not self.handshake_complete or self.conn.state is not State.OPEN or self.conn.extensions:
            await super().send(message)
            return
        await self.writable.wait()
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(_shared.of(text))
