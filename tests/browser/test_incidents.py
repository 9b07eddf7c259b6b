"""An incident from the moment it opens to the moment a person closes it, as the desk and the admin show it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

OPEN = """
from apps.journal import services
services.open_incident(key="drill", title="A drill", severity="critical", detail="Do what you would do", scope="drill")
"""


def open_incident(platform: Platform) -> None:
    opened = platform.manage("shell", "-c", OPEN)
    assert opened.returncode == 0, opened.stderr


def test_incident_is_seen_on_the_desk_at_once_and_handled_on_its_page(platform: Platform, page: Page) -> None:
    page.goto("/desk/")
    count = page.locator("#incident-count")
    expect(page.locator("#link-state")).to_contain_text("Live")
    open_incident(platform)
    expect(count).to_contain_text("critical")
    count.click()
    page.get_by_role("link", name="A drill").click()
    page.get_by_label("Reason").fill("on it")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".timeline")).to_contain_text("incident acknowledged: A drill: on it by operator")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()
    for width, scheme in ((360, "dark"), (1360, "light")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        keep_picture(page, f"incident-{scheme}-{width}")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why it is over")
    page.get_by_label("Reason").fill("the drill is over")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".incident-state")).to_contain_text(re.compile("Resolved .* UTC"))
    expect(count).not_to_contain_text("critical")
