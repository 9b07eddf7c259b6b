"""Nothing a client sends may break the exchange: it is refused, never an exception."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.broker.simulator.exchange import Condition, Leg, OrderRequest
from apps.broker.simulator.protocol import orders as codec
from apps.broker.simulator.types import Query

from .exchange_support import Floor

PUT = Floor().short_put("SPY").con_id
TYPES = ["MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIDPRICE", "MOC", "LOC", "MIT", "?"]
likely_words = st.sampled_from(["", "a", "o", "1", "0", "100", "265598", "20261120-15:00:00", "x"])
words = st.one_of(likely_words, st.text(max_size=12))
prices = st.one_of(st.none(), st.floats(), st.sampled_from([0.01, 150.0, 229.5, 1e-300]))
con_ids = st.sampled_from([0, 265598, 756733, PUT, -1, 10**12])
queries = st.builds(
    Query,
    con_id=con_ids,
    symbol=st.sampled_from(["AAPL", "SPY", "EUR", "VIX", "NOPE", ""]),
    sec_type=st.sampled_from(["STK", "OPT", "CASH", "IND", "BAG", "FUT", ""]),
    expiry=words,
    strike=st.floats(),
    right=st.sampled_from(["", "C", "P", "?"]),
    exchange=st.sampled_from(["SMART", "", "MOON"]),
    currency=st.sampled_from(["USD", "", "GBP"]),
)
legs = st.builds(
    Leg, con_id=con_ids, ratio=st.integers(-2, 3), action=st.sampled_from(["BUY", "SELL", "?"]), exchange=words
)
conditions = (
    st.integers(1, 7)
    .filter(lambda kind: kind != 2)
    .flatmap(
        lambda kind: st.builds(
            Condition,
            kind=st.just(kind),
            fields=st.tuples(*[words] * {1: 6, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5}[kind]),
        )
    )
)
NONSENSE = {
    "order_id": st.integers(-1, 40),
    "query": queries,
    "action": st.sampled_from(["", "SSHORT"]),
    "quantity": st.decimals(allow_nan=False, allow_infinity=False),
    "order_type": st.sampled_from(TYPES),
    "limit_price": prices,
    "aux_price": prices,
    "trailing_percent": prices,
    "trail_stop_price": prices,
    "limit_price_offset": prices,
    "tif": st.sampled_from(["IOC", "FOK", "GTD", "?"]),
    "good_till_date": words,
    "good_after_time": words,
    "account": st.sampled_from(["", "X"]),
    "transmit": st.just(False),
    "what_if": st.just(True),
    "parent_id": st.integers(0, 40),
    "oca_type": st.integers(-1, 9),
    "legs": st.lists(legs, max_size=3).map(tuple),
    "conditions": st.lists(conditions, max_size=2).map(tuple),
    "conditions_cancel_order": st.just(True),
}
GOOD_QUERIES = [
    Query(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"),
    Query(symbol="SXLK", sec_type="STK", exchange="SMART", currency="GBP"),
    Query(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD"),
    Query(con_id=PUT, exchange="SMART"),
    Query(symbol="SPY", sec_type="BAG", exchange="SMART", currency="USD"),
]
GOOD_LEGS = (Leg(PUT, 1, "SELL", "SMART"), Leg(756733, 100, "BUY", "SMART"))


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A good order with up to two attributes spoilt. The order id is counted by the test unless it is spoilt too."""
    order = {
        "query": draw(st.sampled_from(GOOD_QUERIES)),
        "action": draw(st.sampled_from(["BUY", "SELL"])),
        "quantity": Decimal(draw(st.integers(1, 200))),
        "order_type": draw(st.sampled_from(["MKT", "MKT", "LMT", "STP", "TRAIL"])),
        "limit_price": draw(st.sampled_from([1.0, 200.0, 500.0])),
        "aux_price": draw(st.sampled_from([1.0, 200.0, 500.0])),
        "oca_group": draw(st.sampled_from(["", "", "g"])),
        "legs": GOOD_LEGS,
    }
    for name in draw(st.lists(st.sampled_from(sorted(NONSENSE)), max_size=2)):
        order[name] = draw(NONSENSE[name])
    return order


@settings(max_examples=60)
@given(st.lists(requests(), min_size=1, max_size=20), st.sampled_from([None, 7]))
def test_nonsense_is_refused_and_the_rest_goes_on(sent: list[dict[str, Any]], chunk: int | None) -> None:
    floor = Floor()
    floor.exchange.fill_chunk = chunk
    for number, attributes in enumerate(sent, 1):
        request = OrderRequest(**{"client_id": 1, "order_id": number, **attributes})
        floor.exchange.place(request)
        if number % 5 == 0:
            floor.exchange.cancel(request.client_id, request.order_id)
    floor.tick()
    floor.exchange.fill_chunk = None
    for order in [*floor.exchange.open_orders(), *floor.exchange.completed_orders()]:
        codec.encode_open_order(order, 178, 1)
        codec.encode_completed_order(order, 157)
    assert floor.place(1000, "SELL", 1) is not None
    assert floor.value("NetLiquidation").is_finite()
