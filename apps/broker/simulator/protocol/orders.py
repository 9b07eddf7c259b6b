"""Encodes openOrder, completedOrder, orderStatus, executions and commission reports for the versions 157 to 178."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from ..exchange.orders import Margins, Order
from ..exchange.records import CommissionReport, Execution
from ..exchange.requests import OrderRequest
from ..types import Contract
from . import order_layout as layout
from .fields import UNSET_DOUBLE, text
from .place_order import TYPED, decode_place_order, spelled

__all__ = [
    "contract_block",
    "decode_place_order",
    "encode_commission_report",
    "encode_completed_order",
    "encode_execution",
    "encode_open_order",
    "encode_order_status",
    "order_id_for",
]

ORDER_STATUS, OPEN_ORDER, EXECUTION, COMMISSION_REPORT, COMPLETED_ORDER = 3, 5, 11, 59, 101
EXCHANGE_TIME = ZoneInfo("US/Eastern")


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


def _values(order: Order) -> dict[str, str]:
    """Every attribute by IB's name, as the client sent it or as the gateway changed it since."""
    values = dict(order.request.raw)
    values |= {name: spelled(getattr(order.request, attribute)) for name, attribute in TYPED.items()}
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
