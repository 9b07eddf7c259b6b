"""Orders, executions and holdings as JSON values and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..plain import Packed, Unpacker, pack, pack_fields
from ..types import Contract
from .account import Holding
from .fills import Booked
from .instruments import BAG_CON_ID, combo_contract
from .orders import Order
from .records import CommissionReport, Execution

if TYPE_CHECKING:
    from ..market import Market

# An order's parent is kept by its permId, the children follow from that. What-ifs never last.
_ORDER_FIELDS = tuple(each.name for each in fields(Order) if each.name not in ("parent", "children", "what_if"))


def pack_order(order: Order) -> Packed:
    return {**pack_fields(order, _ORDER_FIELDS), "parent": order.parent_perm_id}


def pack_booked(booked: Booked) -> Packed:
    return {"execution": pack(booked.execution), "report": pack(booked.report), "order": booked.order.perm_id}


class Unpacking:
    """Anything that does not fit together is a KeyError, TypeError, ValueError or ArithmeticError."""

    def __init__(self, market: Market, values: Mapping[str, Any]) -> None:
        self._market = market
        self._values = values
        self._unpacker = Unpacker(self._find_contract)

    def cash(self, account: str) -> dict[str, Decimal]:
        cash: dict[str, Decimal] = self._unpacker.unpack(dict[str, Decimal], self._values[f"cash/{account}"])
        return cash

    def holdings(self, account: str) -> dict[int, Holding]:
        held = [self._unpacker.unpack(Holding, packed) for _, packed in self._section(f"holding/{account}/")]
        return {holding.contract.con_id: holding for holding in held}

    def orders(self) -> dict[int, Order]:
        """By permId, oldest first."""
        packed = dict(sorted((int(perm_id), value) for perm_id, value in self._section("order/")))
        orders = {perm_id: self._order(value) for perm_id, value in packed.items()}
        for perm_id, value in packed.items():
            if value["parent"]:
                parent = orders[perm_id].parent = orders[value["parent"]]
                parent.children.append(orders[perm_id])
        return orders

    def bookings(self, orders: Mapping[int, Order]) -> Iterable[Booked]:
        for _, packed in self._section("execution/"):
            execution = self._unpacker.unpack(Execution, packed["execution"])
            report = self._unpacker.unpack(CommissionReport, packed["report"])
            yield Booked(execution, report, orders[packed["order"]])

    def _order(self, packed: Packed) -> Order:
        order: Order = self._unpacker.unpack(Order, {name: packed[name] for name in packed if name != "parent"})
        return order

    def _section(self, prefix: str) -> Iterator[tuple[str, Any]]:
        return ((key.removeprefix(prefix), value) for key, value in self._values.items() if key.startswith(prefix))

    def _find_contract(self, packed: Packed) -> Contract:
        if packed["con_id"] == BAG_CON_ID:
            return combo_contract(packed["symbol"], packed["currency"], packed["exchange"])
        contract = self._market.by_con_id(packed["con_id"])
        if contract is None:
            raise ValueError(f"this market has no contract {packed['con_id']}")
        return replace(contract, exchange=packed["exchange"])
