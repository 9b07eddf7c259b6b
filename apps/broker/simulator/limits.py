"""How often and how much a client may ask, by the machine's clock as at IB."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .types import RequestError

HISTORY_WINDOW, HISTORY_LIMIT = 600.0, 60
IDENTICAL_WINDOW = 15.0
BURST_WINDOW, BURST_LIMIT = 2.0, 6
PACING_VIOLATION = "Historical Market Data Service error message:API historical data query pacing violation"


class MessageRate:
    """Counts messages in a strict sliding second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.violations = 0

    def wait(self, now: float, limit: int) -> float:
        """Seconds until one more message is allowed; 0 means now, and counts it."""
        if limit <= 0:
            return 0.0
        while self._times and now - self._times[0] >= 1.0:
            self._times.popleft()
        if len(self._times) >= limit:
            return max(0.001, self._times[0] + 1.0 - now)
        self._times.append(now)
        return 0.0


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """`line` is contract, exchange and kind of data; `text` is the whole request."""

    line: tuple[object, ...]
    text: tuple[str, ...]
    weight: int = 1  # bid and ask together count twice


@dataclass(slots=True)
class HistoryPacing:
    """60 requests in ten minutes, none twice within 15 s, fewer than 6 for one line within 2 s."""

    enabled: bool = True
    _asked: deque[tuple[float, HistoryQuery]] = field(default_factory=deque)

    def admit(self, query: HistoryQuery, now: float) -> None:
        """RequestError 162 for a pacing violation."""
        if not self.enabled:
            return
        while self._asked and now - self._asked[0][0] >= HISTORY_WINDOW:
            self._asked.popleft()
        if self._violates(query, now):
            raise RequestError(162, PACING_VIOLATION)
        self._asked.append((now, query))

    def reset(self) -> None:
        self._asked.clear()

    def _violates(self, query: HistoryQuery, now: float) -> bool:
        identical = any(now - at < IDENTICAL_WINDOW and asked.text == query.text for at, asked in self._asked)
        burst = sum(now - at < BURST_WINDOW and asked.line == query.line for at, asked in self._asked)
        total = sum(asked.weight for _, asked in self._asked)
        return identical or burst + 1 >= BURST_LIMIT or total + query.weight > HISTORY_LIMIT
