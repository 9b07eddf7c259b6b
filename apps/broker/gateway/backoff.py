"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST, FACTOR, LONGEST = 0.2, 1.6, 30.0
JITTER = 0.2


class Backoff:
    """0.2 s, then 1.6 times as long each time up to 30 s, each up to a fifth longer or shorter."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first = first
        self._longest = longest
        self._pause = first

    def next(self) -> float:
        pause, self._pause = self._pause, min(self._pause * FACTOR, self._longest)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - only to spread the attempts

    def reset(self) -> None:
        self._pause = self._first
