"""Books executions: order, account, commission, and the messages about them, in IB's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import Contract, RequestError
from .account import Account, amount
from .commissions import order_commission
from .identifiers import Identifiers, exec_id, next_revision
from .listener import Listener, Silence
from .moments import EXCHANGE_TIME
from .orders import Charge, Order
from .pricing import leg_prices
from .records import CommissionReport, Execution, ExecutionFilter

if TYPE_CHECKING:
    from ..market import Market


@dataclass(slots=True)
class Booked:
    execution: Execution
    report: CommissionReport
    order: Order


class Fills:
    def __init__(self, market: Market, accounts: dict[str, Account], identifiers: Identifiers) -> None:
        self.listener: Listener = Silence()
        self._market = market
        self._accounts = accounts
        self._identifiers = identifiers
        self._booked: list[Booked] = []

    @property
    def booked(self) -> Sequence[Booked]:
        """Grows at the end only."""
        return self._booked

    def restore(self, booked: Iterable[Booked]) -> None:
        self._booked = list(booked)

    def fill(self, order: Order, quantity: Decimal, price: float) -> None:
        """Fills part of an order and tells the listener. `price` is of one unit of the order."""
        stem = self._identifiers.next_exec_id()
        _advance(order, quantity, price)
        if order.contract.sec_type == "BAG":
            booked = self._fill_combo(order, quantity, price, stem)
        else:
            booked = [self._fill_leg(order, order.contract, quantity, price, exec_id(stem), order.is_buy)]
        if not order.remaining:
            order.status, order.why_held, order.completed_at = "Filled", "", self._market.now()
        self._booked += booked
        self._announce(order, booked)

    def _fill_combo(self, order: Order, quantity: Decimal, price: float, stem: str) -> list[Booked]:
        whole = self._execution(order, order.contract, quantity, price, exec_id(stem), order.is_buy)
        booked = [Booked(whole, CommissionReport(whole.exec_id, Decimal(0), order.contract.currency, None), order)]
        for number, (leg, leg_price) in enumerate(zip(order.legs, self._leg_prices(order, price), strict=True), 2):
            buys = (leg.ratio > 0) == order.is_buy
            shares = quantity * abs(leg.ratio)
            booked.append(self._fill_leg(order, leg.contract, shares, leg_price, exec_id(stem, number), buys))
        return booked

    def _leg_prices(self, order: Order, price: float) -> list[float]:
        """Leg prices that add up to the combo's; a difference to the market falls on the first leg."""
        prices = leg_prices(self._market, order)
        if prices is None:
            prices = [self._market.quote(leg.contract.con_id).close for leg in order.legs]
        natural = sum(leg.ratio * each for leg, each in zip(order.legs, prices, strict=True))
        prices[0] = round(prices[0] + (price - natural) / order.legs[0].ratio, 6)
        return prices

    def _fill_leg(
        self, order: Order, contract: Contract, shares: Decimal, price: float, identifier: str, buys: bool
    ) -> Booked:
        exact = Decimal(str(price))
        charge = order.charges.setdefault(contract.con_id, Charge())
        charge.filled += shares
        charge.value += abs(amount(contract, shares, exact))
        commission = order_commission(contract, charge.filled, charge.value) - charge.commission
        charge.commission += commission
        account = self._accounts[order.account]
        realized = account.trade(contract, shares if buys else -shares, exact, commission)
        execution = self._execution(order, contract, shares, price, identifier, buys)
        return Booked(execution, CommissionReport(identifier, commission, contract.currency, realized), order)

    def _execution(
        self, order: Order, contract: Contract, shares: Decimal, price: float, identifier: str, buys: bool
    ) -> Execution:
        charge = order.charges.get(contract.con_id)
        average = float(charge.value / charge.filled / amount(contract, Decimal(1), Decimal(1))) if charge else None
        return Execution(
            exec_id=identifier,
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            contract=contract,
            at=self._market.now(),
            account=order.account,
            exchange=_venue(contract),
            side="BOT" if buys else "SLD",
            shares=shares,
            price=price,
            cumulative=charge.filled if charge else order.filled,
            average_price=order.average_fill_price if average is None else round(average, 8),
            order_ref=order.request.order_ref,
            model_code=order.request.raw.get("modelCode", ""),
        )

    def _announce(self, order: Order, booked: list[Booked]) -> None:
        for each in booked:
            self.listener.executed(each.execution)
        self.listener.order_opened(order)
        self.listener.order_status(order)
        for each in booked:
            self.listener.commission(each.report)
        for leg in order.legs:
            self.listener.position_changed(order.account, leg.contract.con_id)
        self.listener.account_changed(order.account)

    # --- reading and tampering --------------------------------------------------------------------------------

    def today(self) -> Iterator[Booked]:
        """Executions since midnight, exchange time."""
        today = self._market.now().astimezone(EXCHANGE_TIME).date()
        return (each for each in self._booked if each.execution.at.astimezone(EXCHANGE_TIME).date() == today)

    def select(self, wanted: ExecutionFilter) -> list[tuple[Execution, CommissionReport]]:
        return [(each.execution, each.report) for each in self.today() if _matches(each.execution, wanted)]

    def repeat_last(self) -> Execution:
        """Sends the latest execution once more, with the same execId."""
        if not self._booked:
            raise RequestError(321, "There is no execution to repeat.")
        last = self._booked[-1]
        self.listener.executed(last.execution)
        self.listener.commission(last.report)
        return last.execution

    def correct(self, identifier: str, price: float | None, shares: Decimal | None) -> Execution:
        """Publishes a correction under the next revision of the execId and adjusts account and order.

        Assumed of the real gateway: the corrected execution stays in the day's list beside its correction.
        """
        old = self._find(identifier)
        new_price = old.execution.price if price is None else price
        new_shares = old.execution.shares if shares is None else shares
        if new_shares < 0 or new_price <= 0 or old.execution.contract.sec_type == "BAG":
            raise RequestError(321, "A correction needs a price above zero, shares not negative, and no combo.")
        realized = self._adjust(old, Decimal(str(new_price)), new_shares)
        corrected = self._corrected(old, new_price, new_shares, realized)
        self._booked.append(corrected)
        self._announce(old.order, [corrected])
        return corrected.execution

    def _find(self, identifier: str) -> Booked:
        stem = identifier.rpartition(".")[0]
        for each in reversed(self._booked):
            if each.execution.exec_id.rpartition(".")[0] == stem:
                return each
        raise RequestError(321, f"There is no execution {ascii(identifier[:40])}.")

    def _adjust(self, old: Booked, price: Decimal, shares: Decimal) -> Decimal | None:
        execution, report = old.execution, old.report
        account = self._accounts[execution.account]
        sign = 1 if execution.side == "BOT" else -1
        was = Decimal(str(execution.price))
        closed = report.realized_pnl is not None
        account.correct_price(execution.contract, execution.shares * sign, was, price, closed)
        realized = report.realized_pnl
        if realized is not None:
            realized -= amount(execution.contract, execution.shares * sign, price - was)
        if shares != execution.shares:
            extra = account.trade(execution.contract, (shares - execution.shares) * sign, price, Decimal(0))
            realized = extra if realized is None else realized + (extra or 0)
        return realized

    def _corrected(self, old: Booked, price: float, shares: Decimal, realized: Decimal | None) -> Booked:
        order, execution = old.order, old.execution
        charge = order.charges[execution.contract.con_id]
        unit = amount(execution.contract, Decimal(1), Decimal(1))
        charge.value += (shares * Decimal(str(price)) - execution.shares * Decimal(str(execution.price))) * unit
        charge.filled += shares - execution.shares
        average = round(float(charge.value / charge.filled / unit), 8) if charge.filled else 0.0
        if len(order.legs) == 1:
            order.filled, order.average_fill_price = charge.filled, average
        identifier = next_revision(execution.exec_id)
        corrected = replace(
            execution,
            exec_id=identifier,
            at=self._market.now(),
            price=price,
            shares=shares,
            cumulative=charge.filled,
            average_price=average,
        )
        return Booked(corrected, replace(old.report, exec_id=identifier, realized_pnl=realized), order)


def _advance(order: Order, quantity: Decimal, price: float) -> None:
    before = order.average_fill_price * float(order.filled)
    order.filled += quantity
    order.average_fill_price = round((before + price * float(quantity)) / float(order.filled), 8)
    order.last_fill_price = price


def _venue(contract: Contract) -> str:
    """SMART is a router: executions name the exchange."""
    if contract.exchange != "SMART":
        return contract.exchange
    return contract.primary_exchange or next((each for each in contract.valid_exchanges if each != "SMART"), "SMART")


def _matches(execution: Execution, wanted: ExecutionFilter) -> bool:
    since: datetime | None = wanted.since
    return (
        wanted.client_id in (0, execution.client_id)
        and wanted.account in ("", execution.account)
        and (since is None or execution.at >= since)
        and wanted.symbol in ("", execution.contract.symbol)
        and wanted.sec_type in ("", execution.contract.sec_type)
        and wanted.exchange in ("", "SMART", execution.exchange)
        and wanted.side in ("", {"BOT": "BUY", "SLD": "SELL"}[execution.side])
    )
