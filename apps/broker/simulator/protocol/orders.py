"""Orders on the wire: decodes placeOrder, encodes openOrder, completedOrder, orderStatus, executions, commissions.

Layouts follow the server versions 157 to 178. An attribute the exchange does not act upon is kept as it was spelled,
so that it travels back unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from ..exchange.orders import Margins, Order
from ..exchange.records import CommissionReport, Execution
from ..exchange.requests import Condition, DeltaNeutral, Leg, OrderRequest
from ..types import Contract, Query, RequestError
from . import order_layout as layout
from .fields import UNSET_DOUBLE, Reader, text

PLACE_ORDER, ORDER_STATUS, OPEN_ORDER, EXECUTION, COMMISSION_REPORT, COMPLETED_ORDER = 3, 3, 5, 11, 59, 101
EXCHANGE_TIME = ZoneInfo("US/Eastern")
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


# --- placeOrder ---------------------------------------------------------------------------------------------------


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
    request.raw = {name: _spelled(value) for name, value in values.items()}
    return request


def _decode_query(reader: Reader) -> Query:
    plain = reader.query()
    sec_id_type, sec_id = reader.text(), reader.text()
    return Query(
        con_id=plain.con_id,
        symbol=plain.symbol,
        sec_type=plain.sec_type,
        expiry=plain.expiry,
        strike=plain.strike,
        right=plain.right,
        multiplier=plain.multiplier,
        exchange=plain.exchange,
        primary_exchange=plain.primary_exchange,
        currency=plain.currency,
        local_symbol=plain.local_symbol,
        trading_class=plain.trading_class,
        sec_id_type=sec_id_type,
        sec_id=sec_id,
    )


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


# --- openOrder, completedOrder ------------------------------------------------------------------------------------


def encode_open_order(order: Order, version: int, for_client: int) -> list[str]:
    """openOrder as `for_client` sees it: an order entered by hand has its (negative) id only for client 0."""
    values = _values(order) | {
        "clientId": text(order.client_id),
        "permId": text(order.perm_id),
        "status": order.status if order.transmitted else "Inactive",
        **_margin_texts(order),
    }
    message = [text(OPEN_ORDER), text(order_id_for(order, for_client)), *contract_block(order.contract)]
    message += _pick(values, layout.OPEN_MAIN + (("faProfile",) if version < 177 else ()) + layout.OPEN_SECOND)
    if values.get("deltaNeutralOrderType"):
        message += _pick(values, layout.DELTA_NEUTRAL_ORDER)
    message += _pick(values, layout.OPEN_TRAIL) + _combo(order.request) + _scale_and_hedge(values)
    message += _pick(values, layout.OPEN_CLEARING) + _delta_neutral_and_algo(order.request, values)
    message += _pick(values, layout.OPEN_STATE) + _benchmark_and_conditions(order.request, values)
    message += _pick(values, layout.OPEN_TAIL)
    message += _pick(values, [name for since, name in layout.OPEN_LATER if version >= since])
    return message + (_pick(values, layout.COMPETE) if version >= 170 else [])


def encode_completed_order(order: Order, version: int) -> list[str]:
    """completedOrder. It has no order id: clients can match it only by the permId."""
    values = _values(order) | {"permId": text(order.perm_id), "status": order.status, **_completion_texts(order)}
    message = [text(COMPLETED_ORDER), *contract_block(order.contract)]
    message += _pick(values, layout.COMPLETED_MAIN + (("faProfile",) if version < 177 else ()))
    message += _pick(values, layout.COMPLETED_SECOND)
    if values.get("deltaNeutralOrderType"):
        message += _pick(values, layout.COMPLETED_DELTA_NEUTRAL)
    message += _pick(values, layout.COMPLETED_TRAIL) + _combo(order.request) + _scale_and_hedge(values)
    message += _pick(values, layout.COMPLETED_CLEARING) + _delta_neutral_and_algo(order.request, values)
    message += _pick(values, layout.COMPLETED_STATE) + _benchmark_and_conditions(order.request, values)
    message += _pick(values, layout.COMPLETED_TAIL)
    return message + (_pick(values, layout.COMPETE) if version >= 170 else [])


def order_id_for(order: Order, for_client: int) -> int:
    return 0 if order.is_by_hand and for_client != 0 else order.order_id


def contract_block(contract: Contract) -> list[str]:
    """The 11 contract fields of answers: no primary exchange."""
    return [
        text(contract.con_id),
        contract.symbol,
        contract.sec_type,
        contract.expiry,
        text(contract.strike),
        contract.right,
        text(contract.multiplier) if contract.sec_type == "OPT" else "",
        contract.exchange,
        contract.currency,
        contract.local_symbol,
        contract.trading_class,
    ]


def _spelled(value: object) -> str:
    # Clients read infinity with float(), which does not know the "Infinite" they themselves send.
    return "Infinity" if value == math.inf else text(value)


def _values(order: Order) -> dict[str, str]:
    """Every attribute by IB's name, as the client sent it or as the gateway changed it since."""
    values = dict(order.request.raw)
    values |= {name: _spelled(getattr(order.request, attribute)) for name, attribute in TYPED.items()}
    values["account"] = order.account
    values["ocaGroup"] = order.oca_group
    values["ocaType"] = text(order.oca_type)
    if order.trail_stop_price is not None:
        values["trailStopPrice"] = text(order.trail_stop_price)
    if order.contract.sec_type == "BAG":
        values["comboLegsDescrip"] = ",".join(
            f"{leg.con_id}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in order.request.legs
        )
    return values


def _pick(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [values.get(name) or ("0" if layout.KIND.get(name) == "b" else "") for name in names]


def _combo(request: OrderRequest) -> list[str]:
    fields: list[object] = [len(request.legs)]
    for leg in request.legs:
        fields += [leg.con_id, leg.ratio, leg.action, leg.exchange]
        fields += [leg.open_close, leg.short_sale_slot, leg.designated_location, leg.exempt_code]
    fields += [len(request.leg_prices), *request.leg_prices]
    return [text(field) for field in fields] + _tag_values(request.routing_params)


def _tag_values(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [text(len(pairs)), *(part for pair in pairs for part in pair)]


def _scale_and_hedge(values: Mapping[str, str]) -> list[str]:
    fields = _pick(values, layout.SCALE_HEAD)
    if float(values.get("scalePriceIncrement") or 0) > 0:
        fields += _pick(values, layout.SCALE)
    hedge_type = values.get("hedgeType", "")
    return fields + ([hedge_type, values.get("hedgeParam", "")] if hedge_type else [""])


def _delta_neutral_and_algo(request: OrderRequest, values: Mapping[str, str]) -> list[str]:
    neutral = request.delta_neutral
    fields = ["1", text(neutral.con_id), text(neutral.delta), text(neutral.price)] if neutral else ["0"]
    strategy = values.get("algoStrategy", "")
    return fields + ([strategy, *_tag_values(request.algo_params)] if strategy else [""])


def _benchmark_and_conditions(request: OrderRequest, values: Mapping[str, str]) -> list[str]:
    fields = _pick(values, layout.BENCHMARK) if request.order_type in layout.PEG_BENCH else []
    fields.append(text(len(request.conditions)))
    for condition in request.conditions:
        fields += [text(condition.kind), *condition.fields]
    return fields + (_pick(values, ("conditionsIgnoreRth", "conditionsCancelOrder")) if request.conditions else [])


def _margin_texts(order: Order) -> dict[str, str]:
    if order.what_if is None:
        return {"commission": text(order.commission) if order.filled else ""}
    before, after = order.what_if.before, order.what_if.after
    change = Margins(
        after.initial - before.initial,
        after.maintenance - before.maintenance,
        after.equity_with_loan - before.equity_with_loan,
    )
    texts = {
        "commission": text(order.what_if.commission),
        "commissionCurrency": order.what_if.commission_currency,
        "warningText": order.what_if.warning,
    }
    for suffix, margins in (("Before", before), ("Change", change), ("After", after)):
        texts["initMargin" + suffix] = text(margins.initial)
        texts["maintMargin" + suffix] = text(margins.maintenance)
        texts["equityWithLoan" + suffix] = text(margins.equity_with_loan)
    return texts


def _completion_texts(order: Order) -> dict[str, str]:
    # Assumed of the real gateway: the total of a filled order is 0, the amount is in filledQuantity.
    total = Decimal(0) if order.status == "Filled" else order.request.quantity
    at = order.completed_at.astimezone(EXCHANGE_TIME) if order.completed_at else None
    return {
        "totalQuantity": text(total),
        "filledQuantity": text(order.filled),
        "parentPermId": text(order.parent_perm_id),
        "completedTime": f"{at:%Y%m%d %H:%M:%S} US/Eastern" if at else "",
        "completedStatus": order.reason or order.status,
    }


# --- orderStatus, execution, commission ---------------------------------------------------------------------------


def encode_order_status(order: Order, for_client: int) -> list[str]:
    return [
        text(ORDER_STATUS),
        text(order_id_for(order, for_client)),
        order.status if order.transmitted else "Inactive",
        text(order.filled),
        text(order.remaining),
        text(order.average_fill_price),
        text(order.perm_id),
        text(order.request.parent_id),
        text(order.last_fill_price),
        text(order.client_id),
        order.why_held,
        "0",
    ]


def encode_execution(execution: Execution, request_id: int, version: int, order_id: int) -> list[str]:
    """`request_id` is -1 for a live fill; `order_id` as the receiving client knows it."""
    at = execution.at.astimezone(EXCHANGE_TIME)
    message = [text(EXECUTION), text(request_id), text(order_id), *contract_block(execution.contract)]
    message += [execution.exec_id, f"{at:%Y%m%d %H:%M:%S} US/Eastern", execution.account, execution.exchange]
    message += [execution.side, text(execution.shares), text(execution.price), text(execution.perm_id)]
    message += [text(execution.client_id), "0", text(execution.cumulative), text(execution.average_price)]
    message += [execution.order_ref, "", "", execution.model_code, text(execution.liquidity)]
    return message + (["0"] if version >= 178 else [])


def encode_commission_report(report: CommissionReport) -> list[str]:
    realized = UNSET_DOUBLE if report.realized_pnl is None else text(report.realized_pnl)
    return [text(COMMISSION_REPORT), "1", report.exec_id, text(report.commission), report.currency, realized, "", ""]
