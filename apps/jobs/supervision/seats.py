"""The worker processes as the pusher sees them: who is free, and how many runs to give him at once."""

from __future__ import annotations

from mmap import mmap
from typing import Any

from apps.jobs.supervision.channels import Bell, Channel

FREE, TAKEN, CLAIMED = 1, 0, 2
MOST_RUNS = 64
FIRST_RUNS = 8
STOP = "STOP"


class Seat:
    """One worker process after another sits here; each reads the same channel, so nothing put into it is lost.

    In the shape of django-q2's task queue, as its worker knows it.
    """

    def __init__(self, bell: Bell) -> None:
        self._channel = Channel()
        self._bell = bell
        self._memory = mmap(-1, 2)
        self.runs_at_once = FIRST_RUNS

    @property
    def is_free(self) -> bool:
        return self._memory[0] == FREE

    @property
    def runs_at_once(self) -> int:
        return self._memory[1]

    @runs_at_once.setter
    def runs_at_once(self, runs: int) -> None:
        self._memory[1] = max(1, min(MOST_RUNS, runs))

    @property
    def has_claimed(self) -> bool:
        """The database shows which runs its process has in hand."""
        return self._memory[0] == CLAIMED

    def take(self) -> None:
        self._memory[0] = TAKEN

    def claimed(self) -> None:
        self._memory[0] = CLAIMED

    def put(self, task: Any) -> None:
        self._channel.put(task)

    def offer(self) -> None:
        self._memory[0] = FREE
        self._bell.ring()

    def get(self) -> Any:
        if self._channel.empty():
            self.offer()
        task = self._channel.get()
        self._memory[0] = TAKEN
        return task

    def empty(self) -> bool:
        return self._channel.empty()

    def dispose(self) -> None:
        self._channel.dispose()


class Seats:
    """All seats, in the shape of django-q2's task queue as its pusher and sentinel know it."""

    def __init__(self, count: int, bell: Bell) -> None:
        self.bell = bell
        self.all = [Seat(bell) for _ in range(count)]
        self._stopped = 0

    def free(self) -> list[int]:
        return [number for number, seat in enumerate(self.all) if seat.is_free]

    def put(self, task: Any) -> None:
        if task == STOP:
            number, self._stopped = self._stopped % len(self.all), self._stopped + 1
        else:
            number = task.pop("seat")
        self.all[number].put(task)

    def empty(self) -> bool:
        return all(seat.empty() for seat in self.all)

    def qsize(self) -> int:
        return sum(not seat.empty() for seat in self.all)

    def close(self) -> None:
        """django-q2 calls it before its workers have read what is left: they still may."""

    def join_thread(self) -> None:
        """Nothing waits to be written."""

    def dispose(self) -> None:
        for seat in self.all:
            seat.dispose()
        self.bell.dispose()
