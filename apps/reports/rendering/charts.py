"""Line charts as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon, PolyLine, String

from apps.reports.document.blocks import Chart
from apps.reports.domain.axis import ticks
from apps.reports.rendering.look import (
    BAD,
    BAD_SOFT,
    BOLD,
    CALM,
    CALM_SOFT,
    INK,
    LINE,
    PLAIN,
    QUIET,
    SUNK,
    WHITE,
    WIDTH,
    fitted,
)

HEIGHT = 150.0
FALL_HEIGHT = 105.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 8.0, 20.0, 18.0
SIZE = 7.0
DATE_LABELS = 6
# More than a printed line can show apart.
MOST_POINTS = 1500

Anchor = Literal["middle", "end"]


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps days and values to the paper."""

    first: date
    last: date
    low: float
    high: float
    height: float

    def x(self, day: date) -> float:
        span = max(1, (self.last - self.first).days)
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - self.first).days / span

    def y(self, value: float) -> float:
        room = self.height - TOP - BOTTOM
        return BOTTOM + room * (value - self.low) / (self.high - self.low)


def draw_chart(chart: Chart) -> Drawing:
    """A chart of at least two points."""
    days, values = thinned([date.fromisoformat(day) for day in chart.days], chart.values)
    height = FALL_HEIGHT if chart.falls else HEIGHT
    steps = ticks(min(values), max(0.0, *values) if chart.falls else max(values), 3 if chart.falls else 4)
    frame = Frame(days[0], days[-1], steps[0], steps[-1], height)
    drawing = Drawing(WIDTH, height)
    drawing.add(
        String(0, height - 8, fitted(chart.title, WIDTH, 8.5, BOLD), fontName=BOLD, fontSize=8.5, fillColor=INK)
    )
    _shade(drawing, frame, chart)
    _axes(drawing, frame, steps, chart)
    _line(drawing, frame, days, values, chart)
    return drawing


def _shade(drawing: Drawing, frame: Frame, chart: Chart) -> None:
    if not chart.shade_from:
        return
    start = frame.x(max(frame.first, date.fromisoformat(chart.shade_from)))
    end, top = WIDTH - RIGHT, frame.height - TOP
    corners = [start, BOTTOM, end, BOTTOM, end, top, start, top]
    drawing.add(Polygon(corners, fillColor=SUNK, strokeColor=None))


def _axes(drawing: Drawing, frame: Frame, steps: Sequence[float], chart: Chart) -> None:
    for step in steps:
        y = frame.y(step)
        drawing.add(Line(LEFT, y, WIDTH - RIGHT, y, strokeColor=LINE, strokeWidth=0.5))
        label = axis_label(step, steps[1] - steps[0], chart.unit)
        drawing.add(_label(LEFT - 5, y - 2.4, label, "end"))
    for day in label_days(frame.first, frame.last):
        anchor: Anchor = "end" if day == frame.last else "middle"
        x = frame.x(day) + (RIGHT if day == frame.last else 0)
        drawing.add(_label(x, BOTTOM - 11, date_label(day, frame), anchor))


def _line(drawing: Drawing, frame: Frame, days: Sequence[date], values: Sequence[float], chart: Chart) -> None:
    corners = [part for day, value in zip(days, values, strict=True) for part in (frame.x(day), frame.y(value))]
    ground = frame.y(min(max(0.0, frame.low), frame.high))
    stroke, fill = (BAD, BAD_SOFT) if chart.falls else (CALM, CALM_SOFT)
    area = [frame.x(days[0]), ground, *corners, frame.x(days[-1]), ground]
    drawing.add(Polygon(area, fillColor=fill, strokeColor=None, fillOpacity=0.75))
    drawing.add(PolyLine(corners, strokeColor=stroke, strokeWidth=1.2, strokeLineJoin=1))
    if len(days) <= 12:
        for x, y in zip(corners[::2], corners[1::2], strict=True):
            drawing.add(Circle(x, y, 1.7, fillColor=stroke, strokeColor=WHITE, strokeWidth=0.5))


def _label(x: float, y: float, text: str, anchor: Anchor) -> String:
    return String(x, y, text, fontName=PLAIN, fontSize=SIZE, fillColor=QUIET, textAnchor=anchor)


def thinned(days: Sequence[date], values: Sequence[float]) -> tuple[list[date], list[float]]:
    """Every n-th point and the last, so that no more than the paper can show remain."""
    every = -(-len(days) // MOST_POINTS)
    kept = sorted({*range(0, len(days), every), len(days) - 1})
    return [days[number] for number in kept], [values[number] for number in kept]


def axis_label(value: float, step: float, unit: str) -> str:
    """As many decimals as the step needs."""
    if unit == "fraction":
        digits = next((digits for digits in range(4) if abs(round(step * 100, digits) - step * 100) < 1e-9), 4)
        return f"{value * 100 + 0.0:.{digits}f} %"
    for size, sign in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if step >= size / 100 and abs(value) >= size:
            return f"{value / size:,.10g} {sign}"
    return f"{value:,.10g}"


def label_days(first: date, last: date) -> list[date]:
    span = (last - first).days
    count = min(DATE_LABELS, span) or 1
    return [first + timedelta(days=round(span * number / count)) for number in range(count + 1)]


def date_label(day: date, frame: Frame) -> str:
    if (frame.last - frame.first).days > 550:
        return f"{day:%b %Y}"
    return f"{day.day} {day:%b}" if frame.first.year == frame.last.year else f"{day.day} {day:%b %Y}"
