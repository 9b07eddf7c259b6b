"""The pages of position snapshots in a real browser, in light and dark, on a desktop and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_desk import keep_picture
from tests.platform import Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Forty days of one short put of the account; on every ninth the market data were not permitted.
SEED = """
WITH instrument AS (SELECT id, currency FROM broker_instrument WHERE sec_type = 'OPT' ORDER BY id LIMIT 1),
account AS (SELECT id FROM broker_account ORDER BY id LIMIT 1),
trade AS (
  INSERT INTO broker_trade (account_id, instrument_id, direction, strategy, number, opened_at, closed_at, quantity,
    open_quantity, entry_price, gross_pnl, commissions, net_pnl, currency, commissions_known, base_currency, ending,
    updated_at)
  SELECT account.id, instrument.id, 'short', '', 999, now() - interval '60 days', now(), 5, 0, 2.5, 0, 0, 0,
    instrument.currency, true, 'USD', '', now() FROM instrument, account RETURNING id, instrument_id, account_id
)
INSERT INTO snapshots_positionsnapshot (trade_id, account_id, instrument_id, snapshot_date, captured_at,
  current_premium, current_pnl, current_pnl_pct, dte_remaining, delta, theta, gamma, vega, iv, stock_price,
  distance_to_strike_pct, vix, spy_price, price_source, stock_price_source, missing, missing_count, note)
SELECT trade.id, trade.account_id, trade.instrument_id, (now() - make_interval(days => 41 - n))::date, now(),
  CASE WHEN lost THEN NULL ELSE 2.5 - n * 0.05 END, CASE WHEN lost THEN NULL ELSE n * 25 END,
  CASE WHEN lost THEN NULL ELSE n * 0.02 - 0.15 * sin(n) END, 60 - n,
  CASE WHEN lost THEN NULL ELSE -0.2 - 0.05 * sin(n) END, CASE WHEN lost THEN NULL ELSE -0.05 END,
  CASE WHEN lost THEN NULL ELSE 0.02 END, CASE WHEN lost THEN NULL ELSE 0.1 END,
  CASE WHEN lost THEN NULL ELSE 0.3 + 0.04 * cos(n) END, 560 + 8 * sin(n), 0.05 + 0.03 * sin(n), 17 + sin(n), 560,
  CASE WHEN lost THEN '' ELSE 'market' END, 'market',
  CASE WHEN lost THEN '{"current_premium": "no_permission", "current_pnl": "no_permission",
    "current_pnl_pct": "no_permission", "delta": "no_permission", "theta": "no_permission", "gamma": "no_permission",
    "vega": "no_permission", "iv": "no_permission"}'::jsonb ELSE '{}'::jsonb END,
  CASE WHEN lost THEN 8 ELSE 0 END, CASE WHEN lost THEN 'Subscribe to its exchange in Client Portal.' ELSE '' END
  FROM trade, LATERAL (SELECT n, n %% 9 = 4 AS lost FROM generate_series(1, 40) n) days
ON CONFLICT DO NOTHING RETURNING trade_id
"""
SEEDED = "SELECT trade_id FROM snapshots_positionsnapshot WHERE trade_id IS NOT NULL LIMIT 1"


@pytest.fixture
def trade(platform: Platform) -> int:
    rows = platform.query(SEEDED) or platform.query(SEED)
    return int(rows[0][0])


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[360, 1360])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def dress(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})


def fits(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"))


def test_path_is_drawn_and_fits_the_screen(page: Page, trade: int, scheme: str, width: int) -> None:
    dress(page, scheme, width)
    page.goto(f"/admin/snapshots/positionsnapshot/trade/{trade}/")
    for curve in ("pnl", "distance", "delta", "iv"):
        expect(page.locator(f"#{curve} canvas")).to_be_visible()
    expect(page.locator("#distance-note")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d: -?\d+\.\d\d %$"))
    assert fits(page)
    keep_picture(page, f"option-path-{scheme}-{width}")


def test_coverage_fits_the_screen_and_has_a_curve_for_each_field(
    page: Page, trade: int, scheme: str, width: int
) -> None:
    dress(page, scheme, width)
    page.goto("/admin/snapshots/snapshotcoverage/")
    expect(page.get_by_role("heading", name="Field by field")).to_be_visible()
    expect(page.locator("table.coverage svg.spark")).to_have_count(13)
    expect(page.locator("table.coverage meter")).to_have_count(13)
    expect(page.get_by_text("No market data permission").first).to_be_visible()
    assert fits(page)
    keep_picture(page, f"option-coverage-{scheme}-{width}")


def test_list_leads_to_the_path_of_a_trade(page: Page, trade: int, scheme: str, width: int) -> None:
    dress(page, scheme, width)
    page.goto("/admin/snapshots/positionsnapshot/")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    keep_picture(page, f"option-snapshots-{scheme}-{width}")
    page.locator(".field-path_link a").first.click()
    expect(page.get_by_role("heading", name=re.compile("^Path of "))).to_be_visible()


def test_curve_follows_the_pointer_and_calls_a_gap_unknown(page: Page, trade: int) -> None:
    page.goto(f"/admin/snapshots/positionsnapshot/trade/{trade}/")
    note, last = page.locator("#pnl-note"), page.locator("#pnl-note").inner_text()
    over = page.locator("#pnl .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box is not None
    seen = {last}
    for step in range(1, 40):
        over.hover(position={"x": box["width"] * step / 40, "y": 40})
        seen.add(note.inner_text())
    assert len(seen) > 20 and any(text.endswith(": unknown") for text in seen), sorted(seen)
