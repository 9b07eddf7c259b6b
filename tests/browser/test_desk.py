"""The desk, as an operator sees it: a real browser against the whole running platform."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in, watch
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AMOUNT = re.compile(r"[\d,]+\.\d\d.*USD")
SLOW = 45_000


@pytest.fixture
def desk(page: Page) -> Page:
    page.goto("/desk/")
    expect(page.locator("#desk")).to_have_attribute("data-link", "open")
    return page


def row(page: Page, name: str) -> str:
    return page.locator("#positions tbody tr", has_text=name).first.inner_text()


def test_wrong_password_is_told_and_nothing_is_shown(platform: Platform, browser: Browser) -> None:
    context = browser.new_context(base_url=platform.url)
    page = context.new_page()
    sign_in(page, "operator", "wrong password")
    expect(page.get_by_text(re.compile("correct username and password", re.IGNORECASE))).to_be_visible()
    assert "DU1234567" not in page.content()
    context.close()


def test_desk_shows_the_account_as_the_broker_states_it(platform: Platform, desk: Page) -> None:
    expect(desk.locator("#tile-session [data-part=value]")).to_have_text("Ready")
    expect(desk.locator("#tile-net-liquidation [data-part=value]")).to_have_text(AMOUNT)
    expect(desk.locator("#tile-cash [data-part=value]")).to_have_text(AMOUNT)
    expect(desk.locator("#tile-daily-pnl [data-part=value]")).to_have_text(AMOUNT)
    expect(desk.locator("#positions tbody tr")).to_have_count(10)
    expect(desk.get_by_role("region", name="Trading mode and gateway")).to_contain_text("PAPER")
    expect(desk.get_by_role("region", name="Trading mode and gateway")).to_contain_text("simulated")


def test_prices_move(platform: Platform, desk: Page) -> None:
    expect(desk.locator("#positions tbody tr")).to_have_count(10)
    platform.control("price AAPL 260")
    price = desk.locator("#positions tbody tr", has_text="AAPL").filter(has_text="stock")
    expect(price).to_contain_text(re.compile(r"2[56]\d\.\d\d"), timeout=SLOW)
    before = desk.locator("#tile-daily-pnl [data-part=value]").inner_text()
    expect(desk.locator("#tile-daily-pnl [data-part=value]")).not_to_have_text(before, timeout=SLOW)


def test_order_made_by_hand_appears_and_goes(platform: Platform, desk: Page) -> None:
    order = platform.control("order MSFT BUY 3 100")
    rows = desk.locator("#orders tbody tr", has_text="MSFT")
    expect(rows).to_have_count(1, timeout=SLOW)
    expect(rows).to_contain_text("BUY 3")
    platform.control(f"cancel {order['perm_id']}")
    expect(rows).to_have_count(0, timeout=SLOW)


def test_restart_of_the_broker_is_seen_to_come_and_go(platform: Platform, desk: Page) -> None:
    expect(desk.locator("#tile-session [data-part=value]")).to_have_text("Ready")
    platform.control("restart 6")
    expect(desk.locator("#tile-session [data-part=value]")).to_have_text(
        re.compile("Disconnected|Planned restart"), timeout=SLOW
    )
    expect(desk.locator("#tile-net-liquidation")).to_have_class(re.compile("is-stale"))
    expect(desk.locator("#positions")).to_have_class(re.compile("is-stale"))
    expect(desk.locator("#tile-session [data-part=value]")).to_have_text("Ready", timeout=SLOW)
    expect(desk.locator("#tile-net-liquidation")).not_to_have_class(re.compile("is-stale"), timeout=SLOW)
    expect(desk.locator("#event-list")).to_contain_text("Session")


def test_dead_gateway_is_shown_as_unknown_until_it_is_back(platform: Platform, desk: Page) -> None:
    gateway = platform.find("gateway")
    assert gateway is not None
    gateway.suspend()
    try:
        expect(desk.locator("#tile-session [data-part=value]")).to_have_text("unknown", timeout=SLOW)
        expect(desk.locator("#tile-net-liquidation")).to_have_class(re.compile("is-stale"))
        finding = desk.locator("#health li[data-severity=critical]")
        expect(finding).to_contain_text("Critical The gateway's heartbeat is stale. Start it with", timeout=SLOW)
    finally:
        gateway.resume()
    expect(desk.locator("#tile-session [data-part=value]")).to_have_text("Ready", timeout=SLOW)
    expect(desk.locator("#health")).not_to_contain_text("heartbeat is stale", timeout=SLOW)


def test_stream_error_while_the_web_process_is_down_and_no_event_is_missed(platform: Platform, desk: Page) -> None:
    web = platform.find("web")
    assert web is not None
    web.suspend()
    web.kill()
    expect(desk.locator("#link-state")).to_contain_text("Stream error", timeout=SLOW)
    written = platform.query(
        "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
        "SELECT now(), 'INFO', 'test', '', 'Missed', 'while away ' || n, '{}', '' FROM generate_series(1, 5) n "
        "RETURNING id"
    )
    assert len(written) == 5
    expect(desk.locator("#link-state")).to_contain_text("Live", timeout=SLOW)
    for number in range(1, 6):
        expect(desk.locator("#event-list li", has_text=f"while away {number}")).to_have_count(1)


def test_job_runs_from_the_desk_s_control_room_and_reports_back(platform: Platform, desk: Page) -> None:
    finished = platform.manage("run_job", "snapshot")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    jobs = desk.locator("#jobs tbody tr", has_text="Portfolio snapshot")
    expect(jobs).to_contain_text("success", timeout=SLOW)


def test_desk_works_with_the_keyboard(desk: Page) -> None:
    desk.keyboard.press("Tab")
    skip = desk.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.locator("main")).to_be_focused()
    for _ in range(4):
        desk.keyboard.press("Tab")
    assert desk.evaluate("() => document.activeElement.closest('main') !== null")


def test_desk_tells_a_screen_reader_what_is_what(desk: Page) -> None:
    expect(desk.get_by_role("main")).to_have_count(1)
    expect(desk.get_by_role("heading", level=1)).to_have_text("Desk")
    for name in ("Positions", "Jobs", "Events"):
        expect(desk.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(desk.get_by_role("table", name=re.compile("Open positions"))).to_be_visible()
    # The chart begins with the second sample.
    expect(desk.get_by_role("img", name=re.compile("P&L|samples", re.IGNORECASE))).to_be_visible(timeout=SLOW)
    keep_picture(desk, "desk")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1360])
def test_desk_fits_the_screen(desk: Page, scheme: str, width: int) -> None:
    desk.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    desk.set_viewport_size({"width": width, "height": 800})
    expect(desk.locator("#positions tbody tr")).to_have_count(10)
    assert desk.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    keep_picture(desk, f"desk-{scheme}-{width}")


def keep_picture(page: Page, name: str) -> None:
    """With TRADEOPS_PICTURES set, a screenshot of what the test saw is kept there (the README shows one)."""
    if folder := os.environ.get("TRADEOPS_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_viewer_sees_the_desk_but_may_not_run_jobs(platform: Platform, browser: Browser) -> None:
    created = platform.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import Group, User; "
        "user, _ = User.objects.get_or_create(username='vera', is_staff=True); "
        "user.set_password('a long pass phrase'); user.save(); "
        "user.groups.set([Group.objects.get(name='viewer')])",
    )
    assert created.returncode == 0, created.stderr
    context = browser.new_context(base_url=platform.url)
    page = context.new_page()
    complaints = watch(page)
    sign_in(page, "vera", "a long pass phrase")
    expect(page.locator("#tile-session [data-part=value]")).to_have_text("Ready")
    page.goto("/admin/jobs/jobschedule/")
    expect(page.locator("option", has_text="Run now")).to_have_count(0)
    assert complaints == []
    context.close()
