"""What one client has subscribed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Protocol

from ..protocol.system import Message
from ..types import RequestError


class Kind(Enum):
    QUOTES = auto()
    DEPTH = auto()
    BARS = auto()
    HISTORY = auto()
    TICKS = auto()
    PNL = auto()
    PNL_SINGLE = auto()
    SUMMARY = auto()
    POSITIONS_MULTI = auto()
    ACCOUNT_MULTI = auto()
    SCANNER = auto()
    DISPLAY_GROUP = auto()


MOST_STREAMS = 2000
USES_A_LINE = frozenset({Kind.QUOTES, Kind.DEPTH, Kind.BARS, Kind.TICKS})
MARKET_DATA = USES_A_LINE | {Kind.HISTORY, Kind.SCANNER}


class Stream(Protocol):
    kind: Kind
    request_id: int

    def step(self, changed: frozenset[int]) -> Iterable[Message]:
        """What there is to tell after the market has moved. `changed` holds the lines that moved, options excepted."""
        ...


class Streams:
    def __init__(self) -> None:
        self._streams: dict[tuple[Kind, int], Stream] = {}

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._streams.values()))

    def add(self, stream: Stream) -> None:
        """RequestError 322 when a client subscribes without end."""
        if len(self._streams) >= MOST_STREAMS:
            raise RequestError(322, "Error processing request: too many subscriptions, cancel some")
        self._streams[stream.kind, stream.request_id] = stream

    def has(self, kind: Kind, request_id: int) -> bool:
        return (kind, request_id) in self._streams

    def get(self, kind: Kind, request_id: int) -> Stream | None:
        return self._streams.get((kind, request_id))

    def remove(self, kind: Kind, request_id: int) -> bool:
        return self._streams.pop((kind, request_id), None) is not None

    def of(self, *kinds: Kind) -> list[Stream]:
        return [stream for stream in self._streams.values() if stream.kind in kinds]

    def count(self, kinds: Iterable[Kind]) -> int:
        wanted = frozenset(kinds)
        return sum(kind in wanted for kind, _ in self._streams)

    def drop_market_data(self) -> None:
        for stream in self.of(*MARKET_DATA):
            self.remove(stream.kind, stream.request_id)
