"""The whole platform and a real Chromium. Every page is watched: a script error or a CSP violation fails the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.platform import Platform

# What the browser itself reports while the server is away on purpose.
EXPECTED_NOISE = ("ERR_CONNECTION_REFUSED", "WebSocket connection to", "Failed to load resource")

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("platform")) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM")
    if not path:
        pytest.fail("Set CHROMIUM to the path of a Chromium, or run `make browser`.")
    flags = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture(scope="session")
def signed_in(platform: Platform, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of the operator."""
    state = tmp_path_factory.mktemp("cookies") / "operator.json"
    context = browser.new_context(base_url=platform.url)
    page = context.new_page()
    sign_in(page, "operator", platform.password)
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()
    context.storage_state(path=state)
    context.close()
    return state


@pytest.fixture
def context(platform: Platform, browser: Browser, signed_in: Path) -> Iterator[BrowserContext]:
    fresh = browser.new_context(base_url=platform.url, storage_state=signed_in, viewport={"width": 1360, "height": 900})
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    tab = context.new_page()
    complaints = watch(tab)
    yield tab
    assert complaints == []


def watch(page: Page) -> list[str]:
    """Collects script errors and refused content of the page."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(noise in message.text for noise in EXPECTED_NOISE):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/desk/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").or_(page.get_by_role("button", name="Sign in")).click()
