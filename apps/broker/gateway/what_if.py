"""What an order would do to the account's margin, as the broker computes it. Nothing is ordered.

Over the data link only: such a question takes an order number, and on that link no order is ever sent under one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ib_async import Order, OrderState

from apps.broker.choices import OrderType, Priority, Side, TimeInForce
from apps.broker.exceptions import AnswerError
from apps.broker.gateway import parsing
from apps.broker.gateway.contracts import Contracts
from apps.broker.gateway.link import Link

ANSWER_SECONDS = 5.0
FIGURES = {
    "initial_margin": "initMargin",
    "maintenance_margin": "maintMargin",
    "equity_with_loan": "equityWithLoan",
}


class WhatIf:
    def __init__(self, data: Link, contracts: Contracts) -> None:
        self._data = data
        self._contracts = contracts

    async def answer(self, payload: Mapping[str, Any], priority: Priority, account: str) -> dict[str, Any]:
        """Raises BrokerError, among others with the broker's words when it would refuse the order."""
        order = order_of(payload, account)
        contract = await self._contracts.for_data(int(payload["con_id"]))
        found = await self._data.ask(
            priority, "", lambda ib: ib.whatIfOrderAsync(contract, order), timeout=ANSWER_SECONDS
        )
        if not isinstance(found, OrderState):
            raise AnswerError("the broker does not say what the order would need")
        return answer_of(found)


def order_of(payload: Mapping[str, Any], account: str) -> Order:
    """Raises KeyError or ValueError for what makes no order."""
    order = Order(
        action=Side(payload["side"]).value,
        totalQuantity=_number(payload["quantity"]),
        orderType=OrderType(payload["order_type"]).value,
        tif=TimeInForce(payload.get("time_in_force") or TimeInForce.DAY).value,
        outsideRth=bool(payload.get("outside_regular_hours")),
        account=account,
    )
    if payload.get("limit_price"):
        order.lmtPrice = _number(payload["limit_price"])
    if payload.get("stop_price"):
        order.auxPrice = _number(payload["stop_price"])
    return order


def _number(stated: object) -> float:
    return float(parsing.required(str(stated), "a number of the order"))


def answer_of(state: OrderState) -> dict[str, Any]:
    """Money as text, null where the broker states nothing: its largest float, or an empty text."""
    figures = {
        f"{name}_{when}": parsing.decimal_text(parsing.number(getattr(state, f"{field}{when.capitalize()}")))
        for name, field in FIGURES.items()
        for when in ("before", "change", "after")
    }
    if figures["initial_margin_after"] is None:
        raise AnswerError(f"the broker does not say what the order would need {state.warningText}".strip())
    return {
        **figures,
        "commission": parsing.decimal_text(parsing.number(state.commission)),
        "commission_currency": state.commissionCurrency,
        "warning": state.warningText,
    }
