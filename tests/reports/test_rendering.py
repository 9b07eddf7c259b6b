"""The setting of documents: hostile texts, limits, and a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.graphics.shapes import Line, Polygon, String

from apps.reports import press
from apps.reports.document.blocks import (
    Block,
    Chart,
    Column,
    Document,
    Figure,
    Points,
    Section,
    Table,
    Text,
    from_json,
    to_json,
)
from apps.reports.exceptions import RenderingFailed
from apps.reports.rendering.charts import draw_chart
from apps.reports.rendering.look import fitted, markup, printable
from apps.reports.rendering.pages import render
from tests.reports import reading

ROOT = Path(__file__).parent.parent.parent
HOSTILE = '<b>bold</b> & <img src="/etc/hostname"/> <para> </font> &amp; {curly} %s'


def document(*blocks: Block, title: str = "Report", notes: str = "") -> Document:
    figures = [Figure("Return", "+1.00 %", notes, "good")]
    return Document(title, "a week", "PAPER", ["Account DU1"], figures, [Section("Part", list(blocks))], "foot")


def table(*rows: list[str]) -> Table:
    return Table([Column("Name", 2), Column("Amount", 1, "right")], list(rows), signed=[1])


def test_markup_in_any_text_is_shown_as_it_is() -> None:
    hostile = document(
        Text(HOSTILE), table([HOSTILE[:30], "<i>5</i>"]), Points([HOSTILE]), title="<b>T</b>", notes="<u>n</u>"
    )
    content = press.render(hostile)
    said = reading.text(content)
    assert said.count('<b>bold</b> & <img src="/etc/hostname"/> <para> </font> &amp; {curly} %s') == 2
    for words in ("<b>T</b>", "<u>n</u>", "<i>5</i>"):
        assert words in said
    assert all(not page.images for page in reading.reader(content).pages)


def test_endless_word_is_cut_and_costs_no_time() -> None:
    begun = time.perf_counter()
    content = render(document(Text("x" * 200_000), table(["y" * 200_000, "1"]), title="z" * 200_000))
    assert time.perf_counter() - begun < 5
    assert len(reading.reader(content).pages) <= 3


def test_signs_that_the_font_lacks_become_question_marks() -> None:
    assert printable("Müller & Söhne €5 – “ok”") == "Müller & Söhne €5 – “ok”"
    assert printable("東京 \u2212 1\u202f000 \x00\x07") == "?? - 1 000   "
    assert printable("e\u0301") == "é"


@given(st.text(max_size=300))
def test_no_text_survives_as_markup_or_outside_the_font(text: str) -> None:
    assert "<" not in markup(text) and ">" not in markup(text)
    markup(text).encode("cp1252")


@given(st.text(max_size=200), st.floats(5, 200))
def test_fitted_cell_is_never_wider_than_its_column_by_more_than_the_ellipsis(text: str, width: float) -> None:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    assert stringWidth(fitted(text, width, 7.2), "Helvetica", 7.2) <= max(width, stringWidth("…", "Helvetica", 7.2))


@settings(max_examples=25)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60),
    st.sampled_from(["money", "fraction"]),
    st.booleans(),
    st.lists(st.text(max_size=40), max_size=8),
)
def test_any_document_is_set(values: list[float], unit: str, falls: bool, texts: list[str]) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(len(values))]
    chart = Chart("Curve", days, values, unit, days[0], "caption", falls)  # type: ignore[arg-type]
    made = document(chart, *(Text(text) for text in texts), Points(texts), table(*([text, "-1"] for text in texts)))
    assert from_json(to_json(made)) == made
    assert render(made).startswith(b"%PDF-")


def test_long_table_repeats_its_heading_and_numbers_its_pages() -> None:
    found = reading.pages(render(document(table(*([f"row {number}", f"+{number}"] for number in range(200))))))
    assert len(found) == 4
    assert all("Amount" in page and f"Page {number} of 4" in page for number, page in enumerate(found, 1))
    assert "row 199" in found[-1]


def test_document_that_cannot_be_set_is_a_clear_failure() -> None:
    broken = document(Chart("Curve", ["not a day", "nor this"], [1.0, 2.0], "money"))
    with pytest.raises(RenderingFailed, match="could not be made .*isoformat.*The log has the details"):
        press.render(broken)


def test_pdf_library_stays_out_of_the_other_processes(tmp_path: Path) -> None:
    """Only the process that sets a page loads it."""
    program = (
        "import django, sys; django.setup(); import apps.reports.tasks, apps.reports.admin, apps.reports.services;"
        "sys.exit('reportlab' in sys.modules)"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tradeops.settings", "TRADEOPS_VAR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode == 0


def test_setting_process_sees_no_secret_and_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs without Django and with an environment of two harmless words."""
    program = (
        "import sys, apps.reports.rendering.pages; from apps.reports.rendering.__main__ import limit_process;"
        "assert 'django' not in sys.modules, 'django';"
        "limit_process();\n"
        "try:\n    bytearray(2 << 30)\nexcept MemoryError:\n    print('limited')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "limited", done.stderr
    assert set(press.ENVIRONMENT) == {"LANG", "PYTHONUTF8"}


def test_figure_that_is_too_wide_is_set_smaller_and_keeps_its_digits() -> None:
    wide = [f"row {number}" for number in range(3)], ["+12,193,263,117.32", "-1,000,000,000.01", "5.00"]
    columns = [Column("Name", 9), Column("Amount", 1, "right")]
    said = reading.text(render(document(Table(columns, [list(row) for row in zip(*wide, strict=True)], signed=[1]))))
    for amount in wide[1]:
        assert amount in said
    assert "…" not in said


def test_per_cent_sign_stays_with_its_number() -> None:
    assert "33.3\u00a0% of it" in markup("33.3 % of it")


def test_area_below_zero_hangs_from_zero() -> None:
    """The ground of the area is the axis where the curve crosses it, else the lowest line drawn."""
    days = ["2026-01-01", "2026-01-02"]
    for values, ground in ([-40.0, 100.0], 0.0), ([50.0, 100.0], 50.0), ([-3.0, -1.0], None):
        drawing = draw_chart(Chart("Curve", days, values, "money"))
        area = next(shape for shape in drawing.contents if isinstance(shape, Polygon))
        lines = sorted(line.y1 for line in drawing.contents if isinstance(line, Line))
        labels = {shape.text: shape.y for shape in drawing.contents if isinstance(shape, String)}
        wanted = labels["0"] + 2.4 if ground == 0 else lines[0] if ground else lines[-1]
        assert area.points[1] == area.points[-1] == pytest.approx(wanted)
