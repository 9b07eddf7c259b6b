"""The chaos over the order path in short; `make chaos` is the long one (CHAOS_ORDERS, TRADEOPS_CHAOS_SEED)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.chaos.platform import BrokenPlatform
from tests.broker.chaos.storm import Storm

LONG = "CHAOS_ORDERS" in os.environ
ORDERS = int(os.environ.get("CHAOS_ORDERS", "40"))
SEED = int(os.environ.get("TRADEOPS_CHAOS_SEED", "20261120"))
ORDERS_AT_ONCE = 25
# The others need longer, as nobody notices them at once, or are much like one of these.
SHORT = (
    *("link reset (RST)", "broker restart", "1100, then 1101", "gateway kill -9"),
    *("kill -9 between commit and sending", "database crash"),
)


@pytest.fixture
def platform(tmp_path: Path, transactional_db: None) -> Iterator[BrokenPlatform]:
    with BrokenPlatform(tmp_path) as platform:
        yield platform


@pytest.mark.timeout(600 + 5 * ORDERS)
def test_ledger_and_broker_agree_after_the_storm(platform: BrokenPlatform) -> None:
    storm = Storm(platform, SEED)
    with storm.told_by_seed():
        kinds = list(storm.weather.felt) if LONG else SHORT
        storm.blow(ORDERS, max(len(kinds), ORDERS // ORDERS_AT_ONCE), kinds)
        print("\n" + storm.table(storm.settle()))
