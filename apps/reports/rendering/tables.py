"""Tables: one line a row, the heading repeated on each page. What is too long for its column is set smaller, so that no
figure loses digits; only where even that does not help is a text cut.
"""

from __future__ import annotations

from typing import Any

from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import LongTable, TableStyle

from apps.reports.document.blocks import Table
from apps.reports.rendering.look import (
    BAD,
    BOLD,
    GOOD,
    INK,
    LINE,
    LONGEST_CELL,
    NAVY,
    PLAIN,
    QUIET,
    WIDTH,
    fitted,
    printable,
)

SIZE = 7.2
SMALLER_SIZES = (6.6, 6.0, 5.4, 4.8, 4.2)
PADDING = 3.0
ROW = 13.0
MOST_ROWS = 2000

Cell = tuple[int, int]
Command = tuple[str, Cell, Cell, *tuple[Any, ...]]


def draw_table(table: Table) -> LongTable:
    widths = column_widths(table)
    rows = [[column.title for column in table.columns], *table.rows[:MOST_ROWS]]
    fonts = [BOLD, *[PLAIN] * (len(rows) - 1)]
    if table.total:
        fonts[-1] = BOLD
    cells: list[list[str]] = []
    smaller: list[Command] = []
    for number, (row, font) in enumerate(zip(rows, fonts, strict=True)):
        sizes = [size_for(cell, width, font) for cell, width in zip(row, widths, strict=True)]
        filled = zip(row, widths, sizes, strict=True)
        cells.append([fitted(cell, width - 2 * PADDING, size, font) for cell, width, size in filled])
        smaller += [("FONTSIZE", (at, number), (at, number), size) for at, size in enumerate(sizes) if size != SIZE]
    drawn = LongTable(cells, colWidths=widths, rowHeights=[ROW] * len(cells), repeatRows=1)
    drawn.setStyle(TableStyle(_style(table, len(cells)) + smaller))
    return drawn


def size_for(cell: str, width: float, font: str) -> float:
    """The largest at which the cell fits its column; the smallest where none does."""
    shown, room = printable(cell, LONGEST_CELL), width - 2 * PADDING
    return next((size for size in (SIZE, *SMALLER_SIZES) if stringWidth(shown, font, size) <= room), SMALLER_SIZES[-1])


def column_widths(table: Table) -> list[float]:
    total = sum(column.width for column in table.columns)
    return [WIDTH * column.width / total for column in table.columns]


def _style(table: Table, count: int) -> list[Command]:
    commands: list[Command] = [
        ("FONT", (0, 0), (-1, -1), PLAIN, SIZE),
        ("FONT", (0, 0), (-1, 0), BOLD, SIZE),
        ("TEXTCOLOR", (0, 0), (-1, 0), QUIET),
        ("TEXTCOLOR", (0, 1), (-1, -1), INK),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, NAVY),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.2),
        ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
    ]
    for number, column in enumerate(table.columns):
        commands.append(("ALIGN", (number, 0), (number, -1), column.align.upper()))
    if table.total:
        commands += [("FONT", (0, -1), (-1, -1), BOLD, SIZE), ("LINEABOVE", (0, -1), (-1, -1), 0.8, NAVY)]
    return commands + _tones(table, count)


def _tones(table: Table, count: int) -> list[Command]:
    shown = [(column, row, table.rows[row - 1][column]) for row in range(1, count) for column in table.signed]
    tones = ((column, row, sign_tone(text)) for column, row, text in shown)
    return [("TEXTCOLOR", (column, row), (column, row), tone) for column, row, tone in tones if tone is not None]


def sign_tone(text: str) -> Color | None:
    return BAD if text.startswith("-") and text != "-" else GOOD if text.startswith("+") else None
