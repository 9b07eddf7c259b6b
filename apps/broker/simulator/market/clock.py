"""Market time: the machine's clock, or a simulated one that only steps."""

from __future__ import annotations

from datetime import UTC, datetime

from ..types import MarketSettings
from .calendars import to_datetime

STEP_SECONDS = 1.0  # of a step when the market moves by hand only


class Clock:
    def __init__(self, settings: MarketSettings) -> None:
        self.follows_machine = settings.start is None and settings.tick_interval > 0
        self._step = settings.tick_interval or STEP_SECONDS
        self._start = (settings.start or datetime.now(UTC)).timestamp()
        self._steps = 0
        self.at = self._start  # prices hold at this moment, until the next step

    def now(self) -> datetime:
        return datetime.now(UTC) if self.follows_machine else to_datetime(self.at)

    def advance(self, steps: int) -> None:
        """Never backwards, even if the machine's clock is set back."""
        self._steps += steps
        if self.follows_machine:
            self.at = max(self.at, datetime.now(UTC).timestamp())
        else:
            self.at = self._start + self._steps * self._step

    def resume(self, at: float) -> None:
        """A simulated clock goes on from where it stood; the machine's needs no help."""
        if not self.follows_machine:
            self.at = self._start = max(self._start, at)
            self._steps = 0
