"""What the clients have sent and when, so that a test can prove it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

KEPT_PER_CLIENT = 5000
KEPT_CLIENTS = 100
KEPT_FIELDS = 300
KEPT_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    at: float  # seconds since 1970, the machine's clock
    client_id: int  # -1 before login
    fields: tuple[str, ...]


class Journal:
    def __init__(self) -> None:
        self._entries: dict[int, deque[Entry]] = {}

    def record(self, client_id: int, fields: Sequence[str]) -> None:
        kept = tuple(field[:KEPT_CHARACTERS] for field in fields[:KEPT_FIELDS])
        entries = self._entries.setdefault(client_id, deque(maxlen=KEPT_PER_CLIENT))
        entries.append(Entry(time.time(), client_id, kept))
        if len(self._entries) > KEPT_CLIENTS:
            del self._entries[next(iter(self._entries))]

    def last(self, count: int, client_id: int | None = None) -> list[Entry]:
        """The newest `count` of every client, or of one, oldest first."""
        clients = self._entries if client_id is None else {client_id} & self._entries.keys()
        chosen = [entry for client in clients for entry in list(self._entries[client])[-count:]]
        return sorted(chosen, key=lambda entry: entry.at)
