"""A ten-page report with vector charts: the product's rendering against WeasyPrint with the same tables and SVG charts.

Both set the same document in this process, alternating. The product's own way, a process of its own started for each
report, is measured beside them.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from html import escape
from io import BytesIO

from pypdf import PdfReader

from apps.reports.document.blocks import Chart, Column, Document, Figure, Points, Section, Table, Text
from apps.reports.rendering.pages import render

DAYS, POSITIONS, EXECUTIONS, PAGES = 365, 180, 290, 10
CSS = """
@page { size: A4; margin: 16mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font-size: 7pt } }
body { font: 8.5pt Helvetica, Arial, sans-serif; color: #171b21 }
header { background: #14213d; color: white; padding: 8mm } h2 { font-size: 12.5pt }
.tiles { display: flex; flex-wrap: wrap; gap: 5pt } .tiles div { width: 112pt; padding: 7pt; background: #f3f5f8 }
table { width: 100%; border-collapse: collapse; font-size: 7.2pt } thead { display: table-header-group }
th, td { padding: 2pt 3pt; border-bottom: 0.4pt solid #d5dae1; text-align: left } .right { text-align: right }
"""


def sample() -> Document:
    chance = random.Random(5)
    first = date(2025, 2, 1)
    days = [(first + timedelta(days=number)).isoformat() for number in range(DAYS)]
    worth = [100_000.0]
    for _ in days[1:]:
        worth.append(worth[-1] * math.exp(chance.gauss(0.0004, 0.009)))
    fallen = [value / max(worth[: number + 1]) - 1 for number, value in enumerate(worth)]
    columns = [
        Column(name, 2 if number == 0 else 1, "right" if number else "left") for number, name in enumerate("ABCDEFGH")
    ]
    rows = [
        [f"TEST{n:03}", *(f"{chance.gauss(0, 9999):+,.2f}" for _ in columns[1:])] for n in range(POSITIONS + EXECUTIONS)
    ]
    return Document(
        "Monthly report 2026-01",
        "January 2026",
        "PAPER",
        ["Account DU1234567", "All in USD"],
        [Figure(f"Figure {number}", f"{number}.25 %", "a note") for number in range(8)],
        [
            Section(
                "Performance",
                [
                    Chart("Net liquidation", days, worth, "money", days[-31]),
                    Chart("Drawdown", days, fallen, "fraction", days[-31], "A caption.", falls=True),
                ],
            ),
            Section("Positions", [Table(columns, rows[:POSITIONS], signed=[5], caption="A caption.")]),
            Section("Executions", [Text("Slippage in words. " * 6), Table(columns, rows[POSITIONS:], signed=[6])]),
            Section("Notes", [Points(["A remark of some length about the data. " * 4] * 8)]),
        ],
        "TradeOps, a footer",
    )


def as_html(document: Document) -> str:
    tiles = "".join(f"<div>{f.label}<br><b>{f.value}</b><br>{f.note}</div>" for f in document.figures)
    parts = [f"<header><h1>{document.title}</h1>{document.subtitle}</header><div class=tiles>{tiles}</div>"]
    for section in document.sections:
        parts.append(f"<h2>{escape(section.heading)}</h2>")
        parts += [as_block(block) for block in section.blocks]
    return f"<style>{CSS}</style>" + "".join(parts)


def as_block(block: Chart | Table | Text | Points) -> str:
    if isinstance(block, Chart):
        return f"<h4>{block.title}</h4>{as_svg(block)}<p>{block.caption}</p>"
    if isinstance(block, Table):
        sides = [f' class="{column.align}"' for column in block.columns]
        head = "".join(f"<th{side}>{column.title}</th>" for side, column in zip(sides, block.columns, strict=True))
        rows = (
            "".join(f"<td{s}>{escape(cell)}</td>" for s, cell in zip(sides, row, strict=True)) for row in block.rows
        )
        return f"<table><thead><tr>{head}</tr></thead>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
    if isinstance(block, Text):
        return f"<p>{escape(block.text)}</p>"
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block.items) + "</ul>"


def as_svg(chart: Chart) -> str:
    low, high = min(chart.values), max(chart.values)
    across = 500 / (len(chart.values) - 1)
    corners = " ".join(f"{n * across:.2f},{140 * (high - v) / (high - low):.2f}" for n, v in enumerate(chart.values))
    lines = "".join(f'<line x1="0" x2="500" y1="{y}" y2="{y}" stroke="#d5dae1"/>' for y in (0, 35, 70, 105, 140))
    labels = "".join(f'<text x="{n * 83}" y="152" font-size="7">{chart.days[n * 60]}</text>' for n in range(6))
    area = f'<polygon points="0,140 {corners} 500,140" fill="#dfe8fa"/>'
    curve = f'<polyline points="{corners}" fill="none" stroke="#1f52c2"/>'
    return f'<svg width="500" height="156" viewBox="0 0 500 156">{lines}{area}{curve}{labels}</svg>'


def pages_of(content: bytes) -> int:
    return len(PdfReader(BytesIO(content)).pages)


def timed(work: Callable[[], bytes]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def show(name: str, milliseconds: list[float]) -> float:
    middle = statistics.median(milliseconds)
    print(f"{name:<48} min {min(milliseconds):6.0f}  median {middle:6.0f}  max {max(milliseconds):6.0f} ms")
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    try:
        from weasyprint import HTML
    except OSError as error:
        sys.exit(f"WeasyPrint needs Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0 ({error})")
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradeops.settings")
    from apps.reports import press

    document = sample()
    ways: dict[str, Callable[[], bytes]] = {
        "TradeOps, in this process": lambda: render(document),
        "TradeOps, in a process of its own (the product)": lambda: press.render(document),
        "WeasyPrint, in this process": lambda: bytes(HTML(string=as_html(document)).write_pdf() or b""),
    }
    counts = {name: pages_of(work()) for name, work in ways.items()}
    assert all(abs(count - PAGES) <= 1 for count in counts.values()), counts
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, work in ways.items():
            found[name].append(timed(work))
    print(f"{DAYS} days in two charts, {POSITIONS + EXECUTIONS} table rows; {runs} runs each, alternating")
    print("pages: " + ", ".join(f"{name.split(',')[0]} {count}" for name, count in counts.items()))
    ours, process, theirs = (show(name, milliseconds) for name, milliseconds in found.items())
    print(f"WeasyPrint / TradeOps, setting alone            {theirs / ours:.1f}x")
    print(f"WeasyPrint / TradeOps, with process start       {theirs / process:.1f}x")


if __name__ == "__main__":
    main()
