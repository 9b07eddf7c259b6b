"""The durations of the last runs as a small curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from apps.jobs.domain.wording import span

WIDTH, HEIGHT, MARGIN = 132, 30, 3


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`path` is the attribute of an SVG polyline inside `WIDTH` x `HEIGHT`; `dots` are the failed runs and the last."""

    path: str
    dots: tuple[Dot, ...]
    median_text: str
    last_text: str
    label: str
    width: int = WIDTH
    height: int = HEIGHT


def draw(runs: Sequence[tuple[float, bool]]) -> Sparkline | None:
    """`runs` are (seconds, succeeded), oldest first. None when there is none; zero is the bottom line."""
    if not runs:
        return None
    most = max(seconds for seconds, _ in runs) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(1, len(runs) - 1)
    points = [
        Dot(
            round(MARGIN + index * step, 1),
            round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * seconds / most, 1),
            not good,
        )
        for index, (seconds, good) in enumerate(runs)
    ]
    middle, last = span(median(seconds for seconds, _ in runs)), span(runs[-1][0])
    counted = "the last run" if len(runs) == 1 else f"the last {len(runs)} runs"
    return Sparkline(
        path=" ".join(f"{point.x},{point.y}" for point in points),
        dots=(*(point for point in points[:-1] if point.is_bad), points[-1]),
        median_text=middle,
        last_text=last,
        label=f"Duration of {counted}: median {middle}, last {last}",
    )
