"""The performance page in a real browser: its curves are drawn, and nothing breaks its policy."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SEED = """
INSERT INTO snapshots_portfoliosnapshot (account_id, date, taken_at, total_equity, cash, currency)
SELECT account.id, day, day + time '16:35', 100000 + 900 * number + 2500 * sin(number), 20000, account.base_currency
  FROM broker_account account,
       LATERAL (SELECT number, (now() - make_interval(days => 121 - number))::date AS day
                  FROM generate_series(1, 120) number) days
ON CONFLICT DO NOTHING RETURNING id
"""


@pytest.fixture
def page_with_history(platform: Platform, page: Page) -> Page:
    platform.query(SEED)
    page.goto("/admin/reports/performance/")
    return page


def test_curves_are_drawn_and_follow_the_pointer(page_with_history: Page) -> None:
    for curve in ("equity", "drawdown", "sharpe"):
        expect(page_with_history.locator(f"#{curve} canvas")).to_be_visible()
    note = page_with_history.locator("#equity-note")
    last = note.inner_text()
    page_with_history.locator("#equity .u-over").hover(position={"x": 300, "y": 100})
    expect(note).not_to_have_text(last)
    expect(note).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d: [\d,]+\.\d\d USD$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1360])
def test_page_fits_the_screen(page_with_history: Page, scheme: str, width: int) -> None:
    page = page_with_history
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.locator("#equity canvas")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    keep_picture(page, f"performance-{scheme}-{width}")


def test_report_is_made_and_downloaded(page: Page) -> None:
    page.goto("/admin/reports/report/")
    page.get_by_role("link", name="Make report").first.click()
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_text(re.compile("^Made "))).to_be_visible()
    keep_picture(page, "reports-list")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"^Download .*\.pdf$")).click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")
