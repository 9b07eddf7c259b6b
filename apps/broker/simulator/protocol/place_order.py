"""Decodes placeOrder as clients of the versions 157 to 178 send it.

An attribute the exchange does not act upon is kept as it was spelled, so that it travels back unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from ..exchange.requests import Condition, DeltaNeutral, Leg, OrderRequest
from ..types import Query, RequestError
from . import order_layout as layout
from .fields import Reader, text

# IB's name -> the attribute of OrderRequest that holds it
TYPED = {
    "action": "action",
    "totalQuantity": "quantity",
    "orderType": "order_type",
    "lmtPrice": "limit_price",
    "auxPrice": "aux_price",
    "tif": "tif",
    "ocaGroup": "oca_group",
    "ocaType": "oca_type",
    "account": "account",
    "orderRef": "order_ref",
    "transmit": "transmit",
    "parentId": "parent_id",
    "outsideRth": "outside_rth",
    "whatIf": "what_if",
    "trailStopPrice": "trail_stop_price",
    "trailingPercent": "trailing_percent",
    "lmtPriceOffset": "limit_price_offset",
    "goodAfterTime": "good_after_time",
    "goodTillDate": "good_till_date",
    "allOrNone": "all_or_none",
    "autoCancelParent": "auto_cancel_parent",
    "conditionsIgnoreRth": "conditions_ignore_rth",
    "conditionsCancelOrder": "conditions_cancel_order",
}


def decode_place_order(fields: Sequence[str], version: int, client_id: int = 0) -> OrderRequest:
    """`fields` begins with the message id. RequestError 320 or 321 on anything malformed."""
    reader = Reader(fields, 1)
    order_id = reader.int()
    query = _decode_query(reader)
    values = _take(reader, layout.PLACE_MAIN)
    combo = _decode_combo(reader) if query.sec_type == "BAG" else ((), (), ())
    reader.skip()
    values |= _take(reader, layout.PLACE_ALLOCATION + (("faProfile",) if version < 177 else ()))
    values |= _decode_second(reader)
    delta_neutral = _decode_delta_neutral(reader)
    values["algoStrategy"] = reader.text()
    algo_params = tuple(reader.tag_values()) if values["algoStrategy"] else ()
    values |= _take(reader, layout.PLACE_FLAGS)
    if values["orderType"] in layout.PEG_BENCH:
        values |= _take(reader, layout.BENCHMARK)
    conditions = _decode_conditions(reader)
    if conditions:
        values |= _take(reader, ("conditionsIgnoreRth", "conditionsCancelOrder"))
    values |= _decode_tail(reader, version, query.exchange, str(values["orderType"]))
    typed = {TYPED[name]: values.pop(name) for name in list(values) if name in TYPED}
    return _request(client_id, order_id, query, typed, values, combo, delta_neutral, algo_params, conditions)


def _request(
    client_id: int,
    order_id: int,
    query: Query,
    typed: Mapping[str, object],
    values: Mapping[str, object],
    combo: tuple[tuple[Leg, ...], tuple[float | None, ...], tuple[tuple[str, str], ...]],
    delta_neutral: DeltaNeutral | None,
    algo_params: tuple[tuple[str, str], ...],
    conditions: tuple[Condition, ...],
) -> OrderRequest:
    request = OrderRequest(client_id, order_id, query, "", Decimal(0), "")
    for name, value in typed.items():
        setattr(request, name, value)
    request.tif = request.tif or "DAY"
    request.legs, request.leg_prices, request.routing_params = combo
    request.delta_neutral = delta_neutral
    request.algo_params = algo_params
    request.conditions = conditions
    request.raw = {name: spelled(value) for name, value in values.items()}
    return request


def _decode_query(reader: Reader) -> Query:
    query = reader.query()
    return replace(query, sec_id_type=reader.text(), sec_id=reader.text())


def _take(reader: Reader, names: Iterable[str]) -> dict[str, object]:
    return {name: _value(reader, layout.KIND.get(name, "s"), name) for name in names}


def _value(reader: Reader, kind: str, name: str) -> object:
    if kind == "i":
        return reader.int() if name in ("parentId", "ocaType") else reader.int_or_none()
    if kind == "f":
        return reader.float_or_none()
    if kind == "b":
        return reader.boolean()
    if kind == "q":
        return reader.decimal()
    return reader.text()


def _decode_combo(
    reader: Reader,
) -> tuple[tuple[Leg, ...], tuple[float | None, ...], tuple[tuple[str, str], ...]]:
    legs = tuple(_decode_leg(reader) for _ in range(reader.count()))
    prices = tuple(reader.float_or_none() for _ in range(reader.count()))
    return legs, prices, tuple(reader.tag_values())


def _decode_leg(reader: Reader) -> Leg:
    return Leg(
        con_id=reader.int(),
        ratio=reader.int(),
        action=reader.text(),
        exchange=reader.text(),
        open_close=reader.int(),
        short_sale_slot=reader.int(),
        designated_location=reader.text(),
        exempt_code=reader.int(-1),
    )


def _decode_second(reader: Reader) -> dict[str, object]:
    values = _take(reader, layout.PLACE_SECOND)
    if values["deltaNeutralOrderType"]:
        values |= _take(reader, layout.DELTA_NEUTRAL_ORDER)
    values |= _take(reader, layout.PLACE_TRAIL)
    if _has_scale(values["scalePriceIncrement"]):
        values |= _take(reader, layout.SCALE)
    values |= _take(reader, layout.PLACE_HEDGE)
    if values["hedgeType"]:
        values |= _take(reader, ("hedgeParam",))
    return values | _take(reader, layout.PLACE_CLEARING)


def _has_scale(increment: object) -> bool:
    return isinstance(increment, float) and increment > 0


def _decode_delta_neutral(reader: Reader) -> DeltaNeutral | None:
    return DeltaNeutral(reader.int(), reader.float(), reader.float()) if reader.boolean() else None


def _decode_conditions(reader: Reader) -> tuple[Condition, ...]:
    return tuple(_decode_condition(reader) for _ in range(reader.count()))


def _decode_condition(reader: Reader) -> Condition:
    kind = reader.int()
    if kind not in layout.CONDITION_FIELDS:
        raise RequestError(321, f"Error validating request. Unknown condition type {kind}")
    return Condition(kind, tuple(_spelled_bool(reader.text()) for _ in range(layout.CONDITION_FIELDS[kind])))


def _spelled_bool(value: str) -> str:
    return {"True": "1", "False": "0"}.get(value, value)


def _decode_tail(reader: Reader, version: int, exchange: str, order_type: str) -> dict[str, object]:
    values = _take(reader, layout.PLACE_TAIL)
    values |= _take(reader, [name for since, name in layout.PLACE_LATER if version >= since])
    if version < 170:
        return values
    if exchange == "IBKRATS":
        values |= _take(reader, ("minTradeQty",))
    if order_type in layout.PEG_BEST:
        values |= _take(reader, ("minCompeteSize", "competeAgainstBestOffset"))
        if values["competeAgainstBestOffset"] == math.inf:
            values |= _take(reader, layout.MID_OFFSETS)
    elif order_type in layout.PEG_MID:
        values |= _take(reader, layout.MID_OFFSETS)
    return values


def spelled(value: object) -> str:
    # Clients read infinity with float(), which does not know the "Infinite" they themselves send.
    return "Infinity" if value == math.inf else text(value)
