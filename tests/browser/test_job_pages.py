"""The pages of the jobs in a real browser: a run that is watched while it goes on, all jobs on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Ninety runs with a trend, two failures and a slot that nobody ran.
HISTORY = """
INSERT INTO jobs_jobrun
       (job, slot, state, attempt, max_attempts, lease_owner, worker, progress_text, log, result, error, traceback,
        started_by, created_at, started_at, attempt_started_at, ended_at, cancel_requested_by)
SELECT job, slot, CASE WHEN n IN (4, 11) THEN 'failed' ELSE 'succeeded' END, 1, 3, '', 'host-1', '', '',
       '{"positions": 9, "equity": "104250.10 USD"}',
       CASE WHEN n IN (4, 11) THEN 'Failed to connect to IBKR' ELSE '' END,
       '', 'schedule', slot, slot + interval '40 ms', slot + interval '40 ms',
       slot + interval '40 ms' + make_interval(secs => 2 + sin(n / 3.0) + random()), ''
  FROM (SELECT job, n, date_trunc('day', now()) - make_interval(days => n) + interval '35 minutes' AS slot
          FROM generate_series(1, 30) n, unnest(ARRAY['daily_snapshot', 'weekly_report', 'job_cleanup']) job) slots
ON CONFLICT DO NOTHING RETURNING id
"""

RUNNING = """
INSERT INTO jobs_jobrun (job, state, attempt, max_attempts, lease_owner, lease_until, worker, worker_pid, progress_done,
                         progress_total, progress_text, log, error, traceback, started_by, created_at, started_at,
                         attempt_started_at, cancel_requested_by)
VALUES ('browser_test', 'running', 1, 3, 'browser', now() + interval '1 hour', 'elsewhere', 1, 0, 40, 'AAPL',
        '12:00:00 begun', '', '', 'operator', now(), now(), now(), '') RETURNING id
"""

# What can be used or is a picture, is shown, and has no name that a screen reader could say.
NAMELESS = """() => [...document.querySelectorAll('#content :is(a, button, input, svg[role=img], progress)')]
    .filter((item) => item.type !== 'hidden' && item.getClientRects().length > 0)
    .filter((item) => !(item.ariaLabel || item.textContent.trim() || item.labels?.length || item.value))
    .map((item) => item.outerHTML)"""


@pytest.fixture
def running(platform: Platform) -> Iterator[int]:
    """A run that this test moves on itself: no worker has it."""
    pk = platform.query(RUNNING)[0][0]
    yield pk
    platform.query("UPDATE jobs_jobrun SET state = 'cancelled', ended_at = now() WHERE id = %s RETURNING id", pk)


def move(platform: Platform, pk: int, done: int, line: str) -> None:
    platform.query(
        "UPDATE jobs_jobrun SET progress_done = %s, log = log || E'\\n' || %s WHERE id = %s RETURNING id",
        done,
        line,
        pk,
    )


def test_run_is_followed_while_it_goes_on(platform: Platform, page: Page, running: int) -> None:
    page.goto(f"/admin/jobs/jobrun/{running}/change/")
    expect(page.locator("[data-field=state]")).to_have_text("Running")
    expect(page.locator("#live-state")).to_contain_text("Live")
    page.locator("#log").evaluate("(log) => { log.dataset.kept = 'yes' }")
    move(platform, running, 22, "12:00:07 halfway")
    expect(page.locator("[data-field=progress]")).to_have_text("22 of 40, AAPL", timeout=3_000)
    expect(page.locator("#log")).to_contain_text("halfway")
    expect(page.locator("#announcement")).to_have_text("22 of 40, AAPL")
    keep_picture(page, "run-live")
    platform.query(
        """UPDATE jobs_jobrun SET state = 'succeeded', ended_at = now(), lease_owner = '', result = '{"rows": 17}'
            WHERE id = %s RETURNING id""",
        running,
    )
    expect(page.locator("[data-field=state]")).to_have_text("Succeeded", timeout=3_000)
    expect(page.locator("#result")).to_contain_text("17")
    expect(page.locator("#announcement")).to_contain_text("Succeeded")
    # The page was mended in place: what somebody was reading is still the same element.
    assert page.locator("#log").get_attribute("data-kept") == "yes"
    expect(page.get_by_role("link", name="Cancel")).to_be_hidden()


def test_run_is_readable_without_scripts(platform: Platform, browser: Browser, signed_in: str, running: int) -> None:
    context = browser.new_context(base_url=platform.url, storage_state=signed_in, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/admin/jobs/jobrun/{running}/change/")
    expect(page.locator("[data-field=state]")).to_have_text("Running")
    move(platform, running, 31, "12:00:09 further")
    expect(page.locator("[data-field=progress]")).to_have_text("31 of 40, AAPL")
    context.close()


def test_running_run_is_asked_to_stop_with_the_keyboard(platform: Platform, page: Page, running: int) -> None:
    page.goto(f"/admin/jobs/jobrun/{running}/change/")
    page.get_by_role("link", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/cancel/$"))
    page.keyboard.type("wrong parameters")
    keep_picture(page, "run-cancel")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("is asked to stop")
    expect(page.locator(".stopping")).to_contain_text("operator asked it to stop")
    why = "SELECT data->>'reason', actor FROM journal_event WHERE data->>'run' = %s ORDER BY id DESC LIMIT 1"
    assert platform.query(why, str(running)) == [("wrong parameters", "operator")]


def test_desk_follows_a_run_at_once(platform: Platform, page: Page) -> None:
    pk = platform.query(RUNNING.replace("'browser_test'", "'monthly_signal'"))[0][0]
    page.goto("/desk/")
    row = page.locator("#jobs tbody tr", has_text="Momentum signal").first
    expect(row).to_contain_text("running")
    # Three times in a row cannot be the chance of the round every five seconds.
    for symbol in ("MSFT", "SPY", "IWM"):
        platform.query("UPDATE jobs_jobrun SET progress_text = %s WHERE id = %s RETURNING id", symbol, pk)
        expect(row).to_contain_text(symbol, timeout=1_500)
    platform.query(
        """UPDATE jobs_jobrun SET state = 'missed', slot = now(), ended_at = now(), error = 'the host was down'
            WHERE id = %s RETURNING id""",
        pk,
    )
    expect(row).to_contain_text(re.compile("missed: slot of .* UTC, the host was down"), timeout=1_500)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 1360), ("dark", 1360), ("light", 360)])
def test_overview_fits_a_phone_and_the_dark(platform: Platform, page: Page, scheme: str, width: int) -> None:
    platform.query(HISTORY)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/")
    page.get_by_role("link", name="Jobs overview").click()
    card = page.locator("table.cards tbody tr", has_text="daily_snapshot")
    expect(card).to_contain_text("28 of 30")
    expect(card.get_by_role("img", name=re.compile("Duration of the last 30 runs: median"))).to_be_visible()
    expect(card.get_by_role("link", name="Run daily_snapshot now")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(NAMELESS) == []
    keep_picture(page, f"jobs-{scheme}-{width}")
    page.get_by_text("Why does nothing run?").click()
    expect(page.locator("table.checks").first).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    keep_picture(page, f"jobs-why-{scheme}-{width}")
