"""Colours, type and measures of a report."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from html import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 16 * mm
WIDTH = PAGE_WIDTH - 2 * MARGIN
BAND = 34 * mm
FOOT = 14 * mm

PLAIN, BOLD = "Helvetica", "Helvetica-Bold"
INK, QUIET, LINE, SUNK = HexColor("#171b21"), HexColor("#5a6472"), HexColor("#d5dae1"), HexColor("#f3f5f8")
NAVY, PALE, CALM, CALM_SOFT = HexColor("#14213d"), HexColor("#c9d3e6"), HexColor("#1f52c2"), HexColor("#dfe8fa")
GOOD, BAD, BAD_SOFT, WHITE = HexColor("#0b7347"), HexColor("#b3261e"), HexColor("#f8dedb"), HexColor("#ffffff")
TONES: Mapping[str, Color] = {"": INK, "good": GOOD, "bad": BAD, "quiet": QUIET}

LONGEST_TEXT = 6000
LONGEST_WORD = 60
LONGEST_CELL = 120
# Typed signs that the standard fonts lack, and what stands for them.
STAND_INS = str.maketrans({"\u2212": "-", "\u2011": "-", "\u2192": "->", "\u2265": ">=", "\u2264": "<=", "\u202f": " "})


def style(name: str, size: float, *, color: Color = INK, bold: bool = False, lead: float = 1.4) -> ParagraphStyle:
    return ParagraphStyle(name, fontName=BOLD if bold else PLAIN, fontSize=size, leading=size * lead, textColor=color)


POINT = ParagraphStyle(
    "point", parent=style("body", 8.0), leftIndent=10, bulletIndent=0, bulletFontSize=8.0, spaceAfter=2
)
SMALL = ParagraphStyle("caption", parent=style("small", 7.2, color=QUIET), spaceBefore=2)
HEADING = ParagraphStyle("section", parent=style("heading", 12.5, bold=True), spaceAfter=4)
TEXTS: Mapping[str, ParagraphStyle] = {
    tone: style(f"text-{tone or 'plain'}", 8.5, color=color) for tone, color in TONES.items()
}


def printable(text: str, most: int = LONGEST_TEXT) -> str:
    """What the standard fonts can show: composed, without control characters, a question mark for the rest."""
    cut = text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"
    composed = unicodedata.normalize("NFKC", cut).replace("...", "\u2026").translate(STAND_INS)
    shown = "".join(sign if sign.isprintable() else " " for sign in composed)
    return shown.encode("cp1252", "replace").decode("cp1252")


def markup(text: str) -> str:
    """Any text as paragraph markup that says just that: escaped, capped, long words broken, per cents kept whole."""
    words = printable(text).replace(" %", "\u00a0%").split(" ")
    return " ".join(escape(piece) for word in words for piece in broken(word))


def broken(word: str) -> list[str]:
    return [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)] or [""]


def fitted(text: str, width: float, size: float, font: str = PLAIN) -> str:
    """As much of a cell's text as its width holds, on one line."""
    shown = printable(text, LONGEST_CELL)
    if stringWidth(shown, font, size) <= width:
        return shown
    while shown and stringWidth(shown + "\u2026", font, size) > width:
        shown = shown[:-1]
    return shown.rstrip() + "\u2026"
