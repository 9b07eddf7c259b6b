"""IB's limits on history requests: 60 in ten minutes, none twice in 15 s, fewer than 6 for one contract in 2 s."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

WINDOW_SECONDS, WINDOW_LIMIT = 600.0, 60
BURST_SECONDS, BURST_LIMIT = 2.0, 5
IDENTICAL_SECONDS = 15.0
# The broker counts by its own clock, and a message travels.
MARGIN_SECONDS = 0.25
LARGEST_CACHE = 64

T = TypeVar("T")


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


class RecentAnswers(Generic[T]):
    """Answers young enough to be given again instead of asking the identical question."""

    def __init__(self, seconds: float = IDENTICAL_SECONDS) -> None:
        self._seconds = seconds
        self._answers: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, question: Hashable, now: float) -> T | None:
        found = self._answers.get(question)
        return found[1] if found is not None and now - found[0] < self._seconds else None

    def put(self, question: Hashable, answer: T, now: float) -> None:
        self._answers[question] = (now, answer)
        self._answers.move_to_end(question)
        while len(self._answers) > LARGEST_CACHE:
            self._answers.popitem(last=False)
