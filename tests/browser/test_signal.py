"""The momentum signal as a person sees it: on the desk as it is computed, and the advice on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SLOW = 45_000


def test_signal_and_advice_appear_on_the_desk_and_fit_a_phone(platform: Platform, page: Page) -> None:
    page.goto("/desk/")
    card = page.locator("#signal")
    expect(card).to_contain_text("No signal has been computed yet.", timeout=SLOW)
    expect(card).to_contain_text(re.compile(r"Next rebalance (in|due).*20:00 UTC"))
    for command in (["snapshot"], ["rebalance"]):
        done = platform.manage(*command, seconds=150)
        assert done.returncode == 0, done.stderr
    expect(card.locator("tbody tr")).to_have_count(9, timeout=SLOW)
    first = card.locator("tbody tr").first
    expect(first).to_contain_text(re.compile(r"1\. SX\w\w.*[+\u2212]\d+\.\d%", re.DOTALL))
    expect(card.locator("tbody tr .name")).to_have_count(3)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    card.get_by_role("link", name=re.compile(r"\d+ trades? recommended")).click()
    trades = page.locator("table.trades tbody tr")
    expect(trades.first).to_contain_text(re.compile(r"(Buy|Sell).*USD", re.DOTALL))
    for row in trades.all():
        box = row.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
