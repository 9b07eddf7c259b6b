"""A document as PDF pages."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    PageTemplate,
    Paragraph,
    Spacer,
)

from apps.reports.document.blocks import Block, Chart, Document, Figure, Points, Section, Table
from apps.reports.rendering.charts import HEIGHT, draw_chart
from apps.reports.rendering.look import (
    BAND,
    BOLD,
    FOOT,
    HEADING,
    LINE,
    MARGIN,
    NAVY,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    PALE,
    PLAIN,
    POINT,
    QUIET,
    SMALL,
    SUNK,
    TEXTS,
    TONES,
    WHITE,
    WIDTH,
    fitted,
    markup,
    printable,
)
from apps.reports.rendering.tables import draw_table

TILES_IN_A_ROW = 4
TILE_HEIGHT = 40.0
TILE_GAP = 5.0
# What must fit below a heading for it to stay on its page.
ROOM = {"table": 80.0, "chart": HEIGHT + 50}


def render(document: Document) -> bytes:
    """The PDF. Texts are escaped, cut and limited to the standard fonts here: callers pass them as they are."""
    output = BytesIO()
    template = BaseDocTemplate(
        output,
        title=printable(f"{document.title} {document.subtitle}", 200),
        author="TradeOps",
        creator="TradeOps",
        leftMargin=MARGIN,
        rightMargin=MARGIN,
    )
    template.addPageTemplates(
        [
            _page("cover", document, top=BAND + 8 * mm, on_page=lambda canvas, _: draw_band(canvas, document)),
            _page("later", document, top=16 * mm, on_page=lambda canvas, _: None),
        ]
    )
    template.build(_story(document), canvasmaker=_numbered(document.footer))
    return output.getvalue()


def _page(name: str, document: Document, *, top: float, on_page: Any) -> PageTemplate:
    bottom = FOOT + 4 * mm
    frame = Frame(MARGIN, bottom, WIDTH, PAGE_HEIGHT - top - bottom, 0, 0, 0, 0, id=name)
    return PageTemplate(name, [frame], onPage=on_page, autoNextPageTemplate="later")


def _story(document: Document) -> list[Flowable]:
    story: list[Flowable] = [Tiles(document.figures), Spacer(1, 10)]
    for section in document.sections:
        story += _section(section)
    return story


def _section(section: Section) -> list[Flowable]:
    """The heading stays with the beginning of what it heads."""
    flow = [flowable for block in section.blocks for flowable in _block(block)]
    heading = Paragraph(markup(section.heading), HEADING)
    room = ROOM.get(section.blocks[0].kind, 0.0) if section.blocks else 0.0
    heading.keepWithNext = not room
    return [Spacer(1, 8), CondPageBreak(room), heading, *flow]


def _block(block: Block) -> list[Flowable]:
    if isinstance(block, Chart):
        drawing = draw_chart(block)
        return [CondPageBreak(drawing.height + 20), drawing, *_caption(block.caption), Spacer(1, 6)]
    if isinstance(block, Table):
        return [draw_table(block), *_caption(block.caption), Spacer(1, 6)]
    if isinstance(block, Points):
        return [*(Paragraph(markup(item), POINT, bulletText="\u2022") for item in block.items), Spacer(1, 4)]
    return [*(Paragraph(markup(line), TEXTS[block.tone]) for line in block.text.splitlines()), Spacer(1, 4)]


def _caption(text: str) -> list[Flowable]:
    return [Paragraph(markup(text), SMALL)] if text else []


def draw_band(canvas: Canvas, document: Document) -> None:
    base = PAGE_HEIGHT - BAND
    canvas.setFillColor(NAVY)
    canvas.rect(0, base, PAGE_WIDTH, BAND, stroke=0, fill=1)
    canvas.setFillColor(WHITE)
    canvas.setFont(BOLD, 20)
    canvas.drawString(MARGIN, base + 19 * mm, fitted(document.title, WIDTH * 0.6, 20, BOLD))
    canvas.setFont(PLAIN, 11)
    canvas.drawString(MARGIN, base + 11 * mm, fitted(document.subtitle, WIDTH * 0.62, 11))
    canvas.setFillColor(PALE)
    canvas.setFont(PLAIN, 8)
    for number, line in enumerate(document.details):
        canvas.drawRightString(PAGE_WIDTH - MARGIN, base + (17 - 4.4 * number) * mm, fitted(line, WIDTH * 0.36, 8))
    _draw_badge(canvas, document.badge, base + 22.5 * mm)


def _draw_badge(canvas: Canvas, text: str, y: float) -> None:
    width = canvas.stringWidth(text, BOLD, 8) + 12
    left = PAGE_WIDTH - MARGIN - width
    canvas.setStrokeColor(PALE)
    canvas.roundRect(left, y, width, 14, 7, stroke=1, fill=0)
    canvas.setFillColor(WHITE)
    canvas.setFont(BOLD, 8)
    canvas.drawCentredString(left + width / 2, y + 4.2, text)


class Tiles(Flowable):
    """The key figures in rows of four."""

    def __init__(self, figures: list[Figure]) -> None:
        super().__init__()
        self.figures = figures
        self.width = WIDTH
        self.height = -(-len(figures) // TILES_IN_A_ROW) * (TILE_HEIGHT + TILE_GAP)

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        width = (WIDTH - TILE_GAP * (TILES_IN_A_ROW - 1)) / TILES_IN_A_ROW
        for number, figure in enumerate(self.figures):
            row, column = divmod(number, TILES_IN_A_ROW)
            top = self.height - row * (TILE_HEIGHT + TILE_GAP)
            self._draw_tile(figure, column * (width + TILE_GAP), top - TILE_HEIGHT, width)

    def _draw_tile(self, figure: Figure, left: float, bottom: float, width: float) -> None:
        canvas, room = self.canv, width - 14
        canvas.setFillColor(SUNK)
        canvas.roundRect(left, bottom, width, TILE_HEIGHT, 4, stroke=0, fill=1)
        canvas.setFillColor(QUIET)
        canvas.setFont(PLAIN, 7)
        canvas.drawString(left + 7, bottom + 29, fitted(figure.label, room, 7))
        canvas.setFillColor(TONES[figure.tone])
        size = 13.0 if canvas.stringWidth(figure.value, BOLD, 13) <= room else 10.0
        canvas.setFont(BOLD, size)
        canvas.drawString(left + 7, bottom + 15, fitted(figure.value, room, size, BOLD))
        canvas.setFillColor(QUIET)
        canvas.setFont(PLAIN, 7)
        canvas.drawString(left + 7, bottom + 5.5, fitted(figure.note, room, 7))


def _numbered(footer: str) -> type[Canvas]:
    """A canvas that knows how many pages there are before it writes the first page's number."""

    class NumberedCanvas(Canvas):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._kept.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined] # the library's, missing from its types

        def save(self) -> None:
            for number, state in enumerate(self._kept, 1):
                self.__dict__.update(state)
                draw_foot(self, footer, f"Page {number} of {len(self._kept)}")
                super().showPage()
            super().save()

    return NumberedCanvas


def draw_foot(canvas: Canvas, footer: str, page: str) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, FOOT, PAGE_WIDTH - MARGIN, FOOT)
    canvas.setFillColor(QUIET)
    canvas.setFont(PLAIN, 7)
    canvas.drawString(MARGIN, FOOT - 10, fitted(footer, WIDTH - 70, 7))
    canvas.drawRightString(PAGE_WIDTH - MARGIN, FOOT - 10, page)
