"""Is the queue alive? Proven by canaries that come back, never by a process that exists."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE_SECONDS = 15.0
# From nothing to the first canary: several interpreters start, on a busy machine slowly.
START_PATIENCE_SECONDS = 45.0
UNACKNOWLEDGED_LIMIT = 6


@dataclass(slots=True)
class CanaryWatch:
    """Times are monotonic seconds."""

    since: float
    patience: float = START_PATIENCE_SECONDS
    unacknowledged: int = 0

    def starts(self, now: float) -> None:
        """The queue starts anew, or comes back from an outage of the database."""
        self.since, self.patience, self.unacknowledged = now, START_PATIENCE_SECONDS, 0

    def hears_canary(self, now: float) -> None:
        self.since, self.patience = now, PATIENCE_SECONDS

    def sees_no_free_worker(self, now: float) -> None:
        """Running jobs hold every worker: no canary can be expected, and silence proves nothing."""
        self.since = now

    def verdict(self, now: float) -> str | None:
        """Why the queue must be replaced, or None."""
        if now - self.since > self.patience:
            return f"a free worker has not answered for {now - self.since:.0f} s"
        if self.unacknowledged > UNACKNOWLEDGED_LIMIT:
            return f"{self.unacknowledged} finished tasks are not acknowledged"
        return None
