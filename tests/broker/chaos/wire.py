"""The gateway's wire to its database, led through the test: a kill can fall between a commit and its answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

# PostgreSQL's CommandComplete message of a COMMIT. When it is on its way everybody else sees what was committed.
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
CHUNK = 65536


class Wire:
    """Hands on what both sides say."""

    def __init__(self, port: int) -> None:
        self._strikes: Callable[[], bool] | None = None
        self._target = port
        self._held = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, name="wire", daemon=True).start()

    def close(self) -> None:
        # A thread that waits in accept would keep the port open.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def cut_once(self, strikes: Callable[[], bool] | None) -> None:
        """`strikes` is asked while the answer to a commit is held back: true where it is never to arrive. Then the
        connection ends, and nobody is asked again. None: no more."""
        with self._held:
            self._strikes = strikes

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=[source, sink, answers], name="wire", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if answers and COMMITTED in data and self._is_cut():
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _is_cut(self) -> bool:
        with self._held:
            if self._strikes is None or not self._strikes():
                return False
            self._strikes = None
            return True
