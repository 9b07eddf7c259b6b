"""Numbers the broker gives out: permIds and execIds."""

from __future__ import annotations

from datetime import datetime

_PERM_EPOCH = 1_500_000_000
_PERM_PER_SECOND = 4
_EXECUTIONS_PER_SECOND = 40_000


class Identifiers:
    """Starts from the clock, so that a simulator started again on another day repeats nothing of the days before.

    With a fixed simulated clock and seed the numbers are the same in every run.
    """

    def __init__(self, started_at: datetime, seed: int) -> None:
        epoch = int(started_at.timestamp())
        self._perm_id = (epoch - _PERM_EPOCH) * _PERM_PER_SECOND % 2_000_000_000 + seed % _PERM_PER_SECOND
        self._day = epoch // 86_400 % 0x10000
        self._execution = epoch % 86_400 * _EXECUTIONS_PER_SECOND + seed % 1_000

    @property
    def counters(self) -> tuple[int, int, int]:
        """What was given out last: permId, and the two parts of the execId's stem."""
        return self._perm_id, self._day, self._execution

    def go_on_from(self, counters: tuple[int, int, int]) -> None:
        self._perm_id, self._day, self._execution = counters

    def next_perm_id(self) -> int:
        self._perm_id += 1
        return self._perm_id

    def next_exec_id(self) -> str:
        """The stem of one fill, e.g. `00025b46.6737a1b2`; `exec_id` adds leg and revision."""
        self._execution += 1
        return f"{0x20000 + self._day:08x}.{self._execution:08x}"


def exec_id(stem: str, leg: int = 1, revision: int = 1) -> str:
    return f"{stem}.{leg:02d}.{revision:02d}"


def next_revision(identifier: str) -> str:
    """The execId of a correction: IB counts up the last part."""
    stem, _, revision = identifier.rpartition(".")
    return f"{stem}.{int(revision) + 1:02d}"
