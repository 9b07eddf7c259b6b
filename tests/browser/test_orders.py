"""Stopping trading by keyboard, and an order from the ticket to its fill, against the simulated broker."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import sign_in
from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SLOW = 45_000
LIGHTS = ((1360, "light"), (1360, "dark"), (360, "dark"), (360, "light"))


@pytest.fixture(autouse=True)
def trading_goes_on(platform: Platform) -> Iterator[None]:
    """The platform is shared: whatever a test stopped goes on afterwards."""
    yield
    (platform.folder / "HALT").unlink(missing_ok=True)
    platform.query("UPDATE broker_tradingstate SET permission = 'active' RETURNING id")


def fits(page: Page, name: str) -> None:
    """No sideways scrolling on a phone; pictures of every light."""
    for width, scheme in LIGHTS:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
        keep_picture(page, f"{name}-{scheme}-{width}")
    page.set_viewport_size({"width": 1360, "height": 900})


def press_until_focused(page: Page, selector: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement?.matches(selector) ?? false", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by the keyboard")


def test_trading_is_stopped_by_keyboard_and_the_receipt_tells_of_it(platform: Platform, page: Page) -> None:
    platform.control("order MSFT BUY 3 100")
    page.goto("/desk/")
    expect(page.locator("#ledger tbody tr", has_text="MSFT")).to_have_count(1, timeout=SLOW)
    expect(page.locator("#trading-light")).to_contain_text("Trading is active")
    press_until_focused(page, "#stop-trading", most=8)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Stop trading")).to_be_visible()
    expect(page.get_by_role("radio", name="Halt", exact=True)).to_be_focused()
    fits(page, "stop")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Cancel all", exact=True)).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Kill", exact=True)).to_be_checked()
    expect(page.locator("#stop-now")).to_contain_text("given outside of TradeOps")
    press_until_focused(page, "#id_reason")
    page.keyboard.type("a drill by keyboard")
    press_until_focused(page, "button.stop-now")
    page.keyboard.press("Enter")
    expect(page.locator("#receipt-state")).to_have_text("Done and verified at the broker", timeout=SLOW)
    expect(page.get_by_role("region", name="What is stopped")).to_contain_text("by operator: a drill by keyboard")
    results = page.get_by_role("region", name="What was done")
    expect(results).to_contain_text("MSFT")
    expect(results).to_contain_text("done")
    expect(page.get_by_role("region", name="The broker's final picture")).to_contain_text("AAPL")
    fits(page, "receipt")
    assert not [row for row in platform.control("orders")["orders"] if row["status"] in ("Submitted", "PreSubmitted")]
    page.goto("/desk/")
    expect(page.locator("#emergencies")).to_contain_text("a drill by keyboard")
    expect(page.locator("#trading-stops")).to_contain_text("Killed: cancels only")
    fits(page, "desk-halted")


def find_instrument(page: Page, symbol: str) -> float:
    """Up to the ticket; the ask."""
    page.goto("/admin/broker/order/add/")
    page.get_by_label("Beginning of the symbol or name").fill(symbol)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=symbol, exact=True).first.click()
    expect(page.locator(".quote [data-part=ask]")).to_have_text(re.compile(r"^\d+\.?\d*$"), timeout=SLOW)
    expect(page.locator(".quote [data-part=source]")).to_contain_text("price")
    return float(page.locator(".quote [data-part=ask]").inner_text())


def fill_ticket(page: Page, *, quantity: str, limit: float, reason: str) -> None:
    page.get_by_label("Quantity").fill(quantity)
    page.get_by_label("Limit price").fill(f"{limit:.2f}")
    page.get_by_label("Also outside regular hours").check()
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name="Check the order").click()


def test_order_goes_from_the_ticket_to_its_fill(platform: Platform, page: Page) -> None:
    ask = find_instrument(page, "KO")
    fits(page, "ticket")
    fill_ticket(page, quantity="7", limit=ask * 1.01, reason="a test of the ticket")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("Within all limits", timeout=SLOW)
    expect(verdict).to_contain_text("Initial margin")
    fits(page, "review")
    page.get_by_role("button", name="Submit the order").dblclick()
    expect(page.locator("#order-state")).to_have_text("Proposed", timeout=SLOW)
    expect(page.locator(".countdown")).to_contain_text(re.compile(r"\d+ min \d\d s"))
    expect(page.locator(".quote [data-part=drift]")).to_have_text(re.compile(r"[+-]\d+\.\d\d %"), timeout=SLOW)
    fits(page, "order-waiting")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#order-state")).to_have_text("Filled", timeout=SLOW)
    expect(page.get_by_role("region", name="Fills")).to_contain_text("7", timeout=SLOW)
    expect(page.get_by_role("region", name="Story")).to_contain_text("operator")
    fits(page, "order-filled")
    given = platform.query("SELECT count(*) FROM broker_order WHERE reason = 'a test of the ticket'")
    assert given == [(1,)]


def test_working_order_is_changed_and_cancelled_on_its_page(platform: Platform, page: Page) -> None:
    ask = find_instrument(page, "SPY")
    fill_ticket(page, quantity="5", limit=ask * 0.98, reason="a test of changes")
    page.get_by_role("button", name="Submit the order").click()
    page.get_by_role("button", name="Approve").click(timeout=SLOW)
    state = page.locator("#order-state")
    expect(state).to_have_text("Working", timeout=SLOW)
    lower = f"{ask * 0.975:.2f}"
    page.get_by_label("Limit price").fill(lower)
    page.get_by_role("button", name="Ask for the change").click()
    expect(page.locator(".order-line")).to_contain_text(f"limit {float(lower):g}", timeout=SLOW)
    expect(page.locator(".pending")).to_have_count(0, timeout=SLOW)
    at_broker = [row for row in platform.control("orders")["orders"] if row["status"] in ("Submitted", "PreSubmitted")]
    assert [float(row["limit_price"]) for row in at_broker] == [float(lower)], at_broker
    page.get_by_label("Cancel (why, optional)").fill("enough")
    page.get_by_role("button", name="Cancel the order").click()
    expect(state).to_have_text("Cancelled", timeout=SLOW)
    expect(page.get_by_role("region", name="Story")).to_contain_text("enough")


def test_viewer_sees_the_state_and_nothing_to_press(platform: Platform, browser: Browser) -> None:
    made = platform.manage("shell", "-c", VIEWER)
    assert made.returncode == 0, made.stderr
    context: BrowserContext = browser.new_context(base_url=platform.url)
    page = context.new_page()
    sign_in(page, "watcher", "a long enough pass phrase")
    expect(page.locator("#trading-light")).to_contain_text("Trading is active")
    expect(page.get_by_role("link", name="Stop trading")).to_have_count(0)
    page.goto("/stop/")
    expect(page.get_by_role("button", name=re.compile("stop now"))).to_have_count(0)
    expect(page.locator("main")).to_contain_text("may not stop")
    context.close()


VIEWER = """
from django.contrib.auth.models import User
from apps.console.roles import assign_role
if not User.objects.filter(username="watcher").exists():
    user = User.objects.create_user("watcher", password="a long enough pass phrase")
    assign_role(user=user, role="viewer", actor="test")
"""


def test_order_beyond_a_limit_is_let_pass_on_its_page(platform: Platform, page: Page) -> None:
    ask = find_instrument(page, "SPY")
    equity = float(platform.query("SELECT value FROM broker_accountvalue WHERE tag = 'NetLiquidation'")[0][0])
    quantity = str(math.ceil(equity * 0.03 / ask))
    fill_ticket(page, quantity=quantity, limit=ask * 0.98, reason="a test of leave")
    expect(page.locator(".verdict")).to_contain_text("MAX_ORDER_VALUE", timeout=SLOW)
    page.get_by_role("button", name="Ask to let it pass").click()
    state = page.locator("#order-state")
    expect(state).to_have_text("Denied", timeout=SLOW)
    fits(page, "order-denied")
    page.get_by_label("Let this one order pass").fill("the fund pays out today")
    page.get_by_role("button", name="Let it pass").click()
    expect(state).to_have_text("Proposed", timeout=SLOW)
    expect(page.get_by_role("heading", name="Beyond its limits, by a person's leave")).to_be_visible()
    fits(page, "order-let-pass")
    page.get_by_role("button", name="Approve").click()
    expect(state).to_have_text("Working", timeout=SLOW)
    page.get_by_role("button", name="Cancel the order").click()
    expect(state).to_have_text("Cancelled", timeout=SLOW)
