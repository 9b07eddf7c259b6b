"""What a broker answer can be: known at a time, or unknown for a reason. Never empty for a failure, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """`value` as the broker stated it at `as_of` (aware UTC)."""

    value: T
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say. `reason` is one short sentence for people."""

    reason: str
