"""Which price is used, and what it is called."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from apps.broker.choices import PriceSource
from apps.broker.domain.prices import Quote, choose_price

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4


def quote(data_type: int = LIVE, **prices: str) -> Quote:
    return Quote(data_type, **{name: Decimal(value) for name, value in prices.items()})


def test_last_trade_within_the_market_is_the_market_price() -> None:
    assert quote(bid="99", ask="101", last="100.5").market_price == Decimal("100.5")


def test_stale_last_trade_gives_way_to_the_midpoint() -> None:
    assert quote(bid="99", ask="101", last="90").market_price == Decimal("100")


def test_last_trade_alone_is_the_market_price() -> None:
    assert quote(last="17").market_price == Decimal("17")
    assert quote(bid="99", last="100").market_price == Decimal("100")


@pytest.mark.parametrize(
    ("tried", "price", "source"),
    [
        ([quote(LIVE, bid="99", ask="101", last="100")], "100", PriceSource.MARKET),
        ([quote(FROZEN, last="100")], "100", PriceSource.MARKET),
        ([quote(LIVE), quote(DELAYED, bid="98", ask="100", last="99")], "99", PriceSource.DELAYED),
        ([quote(LIVE), quote(DELAYED, last="97", close="96")], "97", PriceSource.DELAYED_LAST),
        ([quote(LIVE, close="95"), quote(DELAYED)], "95", PriceSource.CLOSE),
        ([quote(LIVE), quote(DELAYED_FROZEN, close="94")], "94", PriceSource.CLOSE),
        ([quote(LIVE, close="95"), quote(DELAYED, last="97")], "97", PriceSource.DELAYED_LAST),
    ],
)
def test_sources_are_tried_in_order(tried: list[Quote], price: str, source: PriceSource) -> None:
    for order in permutations(tried):
        chosen = choose_price(list(order))
        assert chosen is not None
        assert (chosen.price, chosen.source) == (Decimal(price), source)


def test_nothing_is_not_zero() -> None:
    assert choose_price([quote(LIVE), quote(DELAYED)]) is None
    assert choose_price([]) is None
