"""The admin pages in a real browser: nothing breaks, nothing overflows, ledger tables cannot be edited."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LEDGERS = [
    "broker/account",
    "broker/brokerorder",
    "broker/execution",
    "broker/instrument",
    "broker/position",
    "journal/event",
    "jobs/jobrun",
    "snapshots/portfoliosnapshot",
]


@pytest.mark.parametrize("ledger", LEDGERS)
def test_ledger_is_shown_and_cannot_be_edited(page: Page, ledger: str) -> None:
    page.goto(f"/admin/{ledger}/")
    expect(page.locator("#changelist, .empty").first).to_be_visible()
    expect(page.locator(".object-tools .addlink")).to_have_count(0)
    first = page.locator("#result_list tbody th a").first
    if first.count():
        first.click()
        expect(page.locator("#content")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Save"))).to_have_count(0)
        expect(page.get_by_role("link", name="Delete")).to_have_count(0)
    forbidden = page.goto(f"/admin/{ledger}/add/")
    assert forbidden is not None and forbidden.status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1360])
def test_control_room_fits_the_screen(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    for name, path in {
        "index": "/admin/",
        "positions": "/admin/broker/position/",
        "runs": "/admin/jobs/jobrun/",
    }.items():
        page.goto(path)
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), path
        keep_picture(page, f"admin-{name}-{scheme}-{width}")


def test_every_page_shows_mode_and_session(page: Page) -> None:
    for path in ("/desk/", "/admin/", "/admin/broker/position/", "/admin/jobs/jobschedule/", "/api/docs/"):
        page.goto(path)
        banner = page.get_by_role("region", name="Trading mode and gateway")
        expect(banner).to_contain_text("PAPER")
        expect(banner).to_contain_text("Ready")


def test_run_now_queues_a_run_that_finishes(platform: Platform, page: Page) -> None:
    before = platform.query("SELECT count(*) FROM jobs_jobrun WHERE state = 'succeeded'")[0][0]
    page.goto("/admin/jobs/jobschedule/")
    page.locator("#result_list tr", has_text="daily_snapshot").locator("input[type=checkbox]").check()
    page.get_by_label(re.compile("Action")).select_option(label="Run now")
    page.get_by_role("button", name=re.compile("Go|Run")).click()
    page.get_by_label("Why (optional)").fill("to see it run")
    page.get_by_role("button", name="Run now", exact=True).click()
    expect(page.locator(".messagelist")).to_be_visible()

    def count() -> bool:
        return platform.query("SELECT count(*) FROM jobs_jobrun WHERE state = 'succeeded'")[0][0] > before

    wait_for(count, seconds=60, what="the run succeeded")


def test_api_documentation_opens_under_the_strict_policy(page: Page) -> None:
    page.goto("/api/docs/")
    expect(page.get_by_text("/api/live/positions").first).to_be_visible()


def test_unknown_page_is_friendly(page: Page) -> None:
    answer = page.goto("/no-such-page/")
    assert answer is not None and answer.status == 404
    expect(page.get_by_role("link", name=re.compile("desk", re.IGNORECASE)).first).to_be_visible()
