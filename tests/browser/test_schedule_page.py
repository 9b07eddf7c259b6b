"""A schedule's page in a real browser: the next runs follow what is typed, and without scripts the button does it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

EXCHANGE_TIME = re.compile(r"1[36]:05 E[SD]T")


def open_schedule(page: Page) -> None:
    page.goto("/admin/jobs/jobschedule/")
    page.get_by_role("link", name="daily_snapshot").click()


def test_next_runs_follow_what_is_typed(page: Page) -> None:
    open_schedule(page)
    preview = page.locator("#schedule-preview")
    expect(preview.locator("tbody tr")).to_have_count(5)
    page.get_by_label("Calendar").select_option("XNYS")
    page.get_by_label("Minutes after close").fill("5")
    expect(preview.get_by_text(EXCHANGE_TIME)).to_have_count(5)
    keep_picture(page, "schedule")
    page.get_by_label("Minutes after close").fill("")
    page.get_by_label("Cron").fill("61 * * * *")
    expect(preview).to_contain_text("Mend the errors above")


def test_preview_button_works_without_scripts_and_saves_nothing(
    platform: Platform, context: BrowserContext, page: Page
) -> None:
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(base_url=platform.url, storage_state=context.storage_state(), java_script_enabled=False)
    tab = plain.new_page()
    open_schedule(tab)
    tab.get_by_label("Cron").fill("0 7 * * *")
    tab.get_by_role("button", name="Preview").click()
    expect(tab.locator("#schedule-preview").get_by_text(re.compile("07:00$"))).to_have_count(5)
    tab.get_by_label("Cron").fill("61 * * * *")
    tab.get_by_role("button", name="Preview").click()
    expect(tab.get_by_text("is not a cron expression")).to_be_visible()
    plain.close()
    stored = platform.query("SELECT cron FROM jobs_jobschedule WHERE job = 'daily_snapshot'")
    assert stored == [("35 16 * * *",)]
