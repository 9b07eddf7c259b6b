"""How events and the desk look on the wire. Everything is encoded once per process, never per client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.journal.models import Event

PORTION_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """One event as the JSON that sockets, the stream and the REST API share."""

    number: int
    json: str

    @property
    def as_stream(self) -> str:
        return f"id: {self.number}\ndata: {self.json}\n\n"


def event_row(event: Event) -> dict[str, Any]:
    return {
        "id": event.number,
        "timestamp": event.at.isoformat(),
        "level": event.level,
        "symbol": event.symbol,
        "step": event.step,
        "message": event.message,
    }


def encode_event(event: Event) -> Encoded:
    return Encoded(event.number or 0, to_json(event_row(event)))


def events_message(events: Sequence[Encoded]) -> str:
    return '{"type":"events","events":[' + ",".join(event.json for event in events) + "]}"


def portions(events: Sequence[Encoded]) -> Iterator[Sequence[Encoded]]:
    """Cut a page so that a message stays far below the 1 MB that clients accept."""
    start, size = 0, 0
    for index, event in enumerate(events):
        size += len(event.json)
        if size > PORTION_CHARACTERS and index > start:
            yield events[start:index]
            start, size = index, len(event.json)
    if start < len(events):
        yield events[start:]


def section_message(section: str, data: Any) -> str:
    return '{"type":"section","section":"' + section + '","data":' + to_json(data) + "}"


def clock_message(now: datetime) -> str:
    return to_json({"type": "clock", "now": now})


def to_json(value: Any) -> str:
    """Compact JSON on one line: money as text, so that no digit is lost; times as ISO 8601."""
    return json.dumps(value, default=plain, separators=(",", ":"), allow_nan=False)


def plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place on the wire")
