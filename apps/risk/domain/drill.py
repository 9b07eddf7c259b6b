"""What a halt drill found, step by step, and when one is due."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from apps.broker.choices import TradingMode

# A long weekend on paper; a month and its holidays where real money is traded.
PASSED_WITHIN = {TradingMode.PAPER: timedelta(days=4), TradingMode.LIVE: timedelta(days=35)}


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds`: how long it took; `problem` empty: it went well, and `detail` says what was seen."""

    name: str
    seconds: float
    detail: str = ""
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {'FAILED: ' + self.problem if self.problem else self.detail} ({self.seconds:.2f} s)"


@dataclass(frozen=True, slots=True)
class Drill:
    """`seconds`: from the press to the receipt; None: there was none in time, or nothing was pressed."""

    steps: tuple[Step, ...]
    seconds: float | None
    receipt: str

    @property
    def problem(self) -> str:
        """Every step that failed, in words; empty: the drill has passed."""
        return "; ".join(f"{step.name}: {step.problem}" for step in self.steps if step.problem)


def why_not_today(
    mode: TradingMode, day: date, sessions: Collection[date], *, passed_on: date | None, last_failed: bool
) -> str:
    """Empty when a scheduled drill of that trading day is to be done. `sessions`: all trading days of its year.

    Live on the first trading day of a month and on each after it until one has passed, as after a failure. `passed_on`:
    when one did last, in this mode.
    """
    first = min((one for one in sessions if one.month == day.month), default=day)
    if mode is TradingMode.PAPER or last_failed or passed_on is None or passed_on < first:
        return ""
    return f"live trading is drilled once a month, and was on {passed_on}"
