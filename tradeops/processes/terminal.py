"""One terminal for many processes: a coloured prefix each, whole lines only."""

from __future__ import annotations

import os
import sys
import threading
from typing import TextIO

COLOURS = {
    "tradeops": "1;37",
    "postgres": "34",
    "migrate": "34",
    "simulator": "35",
    "gateway": "36",
    "worker": "33",
    "sentinel": "31",
    "web": "32",
}
WIDTH = max(len(name) for name in COLOURS)


class Terminal:
    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._coloured = "NO_COLOR" not in os.environ and (stream.isatty() or "FORCE_COLOR" in os.environ)

    def write_line(self, name: str, line: str) -> None:
        prefix = f"{name:<{WIDTH}} |"
        if self._coloured:
            prefix = f"\x1b[{COLOURS.get(name, '37')}m{prefix}\x1b[0m"
        with self._lock:
            self._stream.write(f"{prefix} {line}\n")
            self._stream.flush()
