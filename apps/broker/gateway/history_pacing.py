"""IB's limits on history requests: 60 in ten minutes, none twice in 15 s, fewer than 6 for one contract in 2 s."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

WINDOW_SECONDS, WINDOW_LIMIT = 600.0, 60
BURST_SECONDS, BURST_LIMIT = 2.0, 5
IDENTICAL_SECONDS = 15.0
# The broker counts by its own clock, and a message travels.
MARGIN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Question:
    """`line` is contract, exchange and kind of data, `text` the whole request; bid and ask together weigh 2."""

    line: tuple[Hashable, ...]
    text: tuple[Hashable, ...]
    weight: int = 1


class HistoryBudget:
    """Says how long to wait; `spend` when the request leaves. `now` is any monotonic time in seconds."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, Question]] = deque()

    def wait(self, question: Question, now: float) -> float:
        """Seconds until the broker would accept the request; 0 means now."""
        while self._spent and now - self._spent[0][0] >= WINDOW_SECONDS + MARGIN_SECONDS:
            self._spent.popleft()
        burst = [at for at, spent in self._spent if spent.line == question.line]
        same = [at for at, spent in self._spent if spent.text == question.text]
        until = [now]
        if len(burst) >= BURST_LIMIT:
            until.append(burst[-BURST_LIMIT] + BURST_SECONDS + MARGIN_SECONDS)
        if same:
            until.append(same[-1] + IDENTICAL_SECONDS + MARGIN_SECONDS)
        return max(max(until) - now, self._window_wait(now, question.weight))

    def spend(self, question: Question, now: float) -> None:
        self._spent.append((now, question))

    def _window_wait(self, now: float, weight: int) -> float:
        used = sum(spent.weight for _, spent in self._spent)
        for at, spent in self._spent:
            if used + weight <= WINDOW_LIMIT:
                return 0.0
            used -= spent.weight
            wait = at + WINDOW_SECONDS + MARGIN_SECONDS - now
            if used + weight <= WINDOW_LIMIT:
                return wait
        return 0.0
