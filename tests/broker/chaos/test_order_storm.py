"""The chaos over the order path in short; `make chaos` is the long one (CHAOS_ORDERS, TRADEOPS_CHAOS_SEED)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.chaos.platform import BrokenPlatform
from tests.broker.chaos.storm import Storm

ORDERS = int(os.environ.get("CHAOS_ORDERS", "50"))
SEED = int(os.environ.get("TRADEOPS_CHAOS_SEED", "20261120"))
ROUNDS = max(9, ORDERS // 9)


@pytest.fixture
def platform(tmp_path: Path, transactional_db: None) -> Iterator[BrokenPlatform]:
    with BrokenPlatform(tmp_path) as platform:
        yield platform


@pytest.mark.timeout(180 + 2 * ORDERS)
def test_ledger_and_broker_agree_after_the_storm(platform: BrokenPlatform) -> None:
    storm = Storm(platform, SEED)
    storm.blow(ORDERS, ROUNDS)
    books = storm.settle()
    print("\n" + storm.table(books))
    storm.check(books)
