"""Driving a close-all: asks the broker what is held, sends the opposite, asks again, until flat or escalated.

Everything that a successor needs is in the row and in its orders: whoever drives may be killed at any point, the next
one goes on from there. Three may drive: the command that was asked, the web process that was asked, the sentinel.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.broker import services as broker
from apps.broker.choices import (
    EmergencyState,
    OrderPurpose,
    OrderType,
    Priority,
    RequestKind,
    Scope,
    Side,
    TimeInForce,
)
from apps.broker.domain.orders import ENDED as ORDER_ENDED
from apps.broker.exceptions import OrderMovedOn
from apps.broker.gate import closing_key
from apps.broker.models import Account, EmergencyRun, Instrument, Order
from apps.broker.models.stops import CANCELLING, UNFINISHED
from apps.broker.services import Terms
from apps.risk.domain.closing import Doubt, Holding, Opposite, Pricing, Sent, doubts, opposite, pricing
from apps.risk.domain.hours import market_is_open
from apps.risk.services import emergency_receipts as receipts
from apps.risk.services.emergency_lease import Lease, lease
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

ROUNDS = 5
CLOSING_SECONDS = 60.0
# The gateway escalates by itself what it cannot cancel within 10 s; longer, it does not run.
CANCELLING_SECONDS = 20.0
ORDER_SECONDS = 10.0
UNKNOWN_SECONDS = 10.0
ASK_SECONDS = 8.0
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Shown:
    """What the broker showed when it was asked; `open_orders` of the scope, ours not among them."""

    as_of: datetime
    holdings: tuple[Holding, ...]
    open_orders: tuple[dict[str, Any], ...]

    @property
    def is_flat(self) -> bool:
        return not self.holdings and not self.open_orders

    def blocks(self, holding: Holding) -> bool:
        """Could an order that works fill meanwhile, and change what is held?"""
        return any(_is_about(row, holding.con_id, holding.symbol) for row in self.open_orders)

    def picture(self) -> dict[str, Any]:
        positions = [{"con_id": h.con_id, "symbol": h.symbol, "quantity": f"{h.quantity:f}"} for h in self.holdings]
        return {"as_of": self.as_of.isoformat(), "positions": positions, "open_orders": list(self.open_orders)}


def carry_on(*, run_id: UUID) -> bool:
    """Drive it to its end; may take more than a minute. False when it has ended, or another process drives it."""
    run = EmergencyRun.objects.get(pk=run_id)
    if run.state not in UNFINISHED:
        return False
    with lease(run_id) as held:
        if held is None:
            return False
        Closer(run, held).drive()
    return True


class Closer:
    def __init__(self, run: EmergencyRun, held: Lease) -> None:
        self._run = run
        self._lease = held
        self._doubts: dict[int, Doubt] = {}
        self._unknown_since: float | None = None

    def drive(self) -> None:
        while self._lease.is_held() and not self._step():
            time.sleep(LOOK_SECONDS)

    def _step(self) -> bool:
        """One look, and what follows from it. True at the end."""
        self._run.refresh_from_db()
        if self._run.state in CANCELLING:
            return self._await_cancels()
        if self._run.state != EmergencyState.CLOSING:
            return True
        late = self._has_closed_for(CLOSING_SECONDS)
        if self._has_open_orders(late=late):
            too_late = self._has_closed_for(CLOSING_SECONDS + ORDER_SECONDS)
            return too_late and self._escalate("its own orders did not end in time")
        shown = self._ask()
        if isinstance(shown, Unknown):
            return self._bear_unknown(shown, late=late)
        self._unknown_since = None
        return self._judge(shown, late=late)

    def _await_cancels(self) -> bool:
        waited = clock.now() - self._run.requested_at
        if waited < timedelta(seconds=CANCELLING_SECONDS):
            return False
        return self._escalate("the gateway has not cancelled the open orders: is it running? Positions are NOT closed")

    def _has_closed_for(self, seconds: float) -> bool:
        """Counted from the first look after the cancels, whoever had it."""
        began = self._run.found.get("closing_since")
        if began is None:
            self._note(closing_since=clock.now().isoformat())
            return False
        return clock.now() - datetime.fromisoformat(began) > timedelta(seconds=seconds)

    def _has_open_orders(self, *, late: bool) -> bool:
        """What takes too long is cancelled: what is left of it is sent anew, for what is held then."""
        open_orders = [order for order in receipts.orders_of(self._run.pk) if order.state not in ORDER_ENDED]
        patience = timedelta(seconds=0 if late else ORDER_SECONDS)
        for order in open_orders:
            if order.cancel_requested_at is None and clock.now() - order.created_at >= patience:
                _cancel(order, self._run.actor)
        return bool(open_orders)

    def _ask(self) -> Shown | Unknown:
        positions = self._question(RequestKind.POSITIONS)
        orders = self._question(RequestKind.OPEN_ORDERS)
        if isinstance(positions, Unknown):
            return positions
        return orders if isinstance(orders, Unknown) else look_at(self._run, positions, orders)

    def _question(self, kind: RequestKind) -> Known[Any] | Unknown:
        payload = {"account": self._run.account, "fresh": True}
        return broker.ask(
            kind, payload, timeout=ASK_SECONDS, priority=Priority.RECONCILE, requested_by=f"close-all {self._run.pk}"
        )

    def _bear_unknown(self, unknown: Unknown, *, late: bool) -> bool:
        """Nothing is sent on a guess. Asked again for a moment, then a person must look."""
        now = time.monotonic()
        self._unknown_since = now if self._unknown_since is None else self._unknown_since
        if not late and now - self._unknown_since < UNKNOWN_SECONDS:
            return False
        return self._escalate(f"nobody knows what is held: {unknown.reason}")

    def _judge(self, shown: Shown, *, late: bool) -> bool:
        sent = last_sent(self._run)
        held = {holding.con_id: holding.quantity for holding in shown.holdings}
        self._doubts = doubts(sent, held, self._doubts, now=clock.now())
        if shown.is_flat and not self._doubts:
            return receipts.end(self._run, EmergencyState.DONE, picture=shown.picture()) or True
        if late:
            return self._escalate(describe(shown), shown)
        ready = [h for h in shown.holdings if h.con_id not in self._doubts and not shown.blocks(h)]
        if not ready:
            return False
        if len(self._run.found.get("rounds", [])) >= ROUNDS:
            return self._escalate(f"after {ROUNDS} rounds {describe(shown)}", shown)
        return self._send(ready, shown)

    def _send(self, holdings: Sequence[Holding], shown: Shown) -> bool:
        ready, problems = [], []
        for planned in map(opposite, holdings):
            instrument = Instrument.objects.filter(con_id=planned.con_id).first()
            price = price_of(planned, instrument) if instrument is not None else None
            if instrument is None or price is None:
                problems.append(f"{planned.symbol}: {'no quote outside regular hours' if instrument else 'unknown'}")
            else:
                ready.append((planned, instrument, price))
        if not ready:
            return self._escalate(f"cannot be closed: {'; '.join(problems)}", shown)
        self._pause_before_repeating()
        if self._lease.is_held():
            self._write_orders(ready, shown)
        return False

    def _pause_before_repeating(self) -> None:
        """A refusal takes a moment to become different."""
        rounds = self._run.found.get("rounds", [])
        orders = receipts.orders_of(self._run.pk)
        if rounds and not any(order.filled_quantity for order in orders[-len(rounds[-1]["positions"]) :]):
            time.sleep(min(2.0, 0.5 * len(rounds)))

    @transaction.atomic
    def _write_orders(self, ready: Sequence[tuple[Opposite, Instrument, Pricing]], shown: Shown) -> None:
        """All of a round or none of it; never for a run that has ended meanwhile."""
        run = EmergencyRun.objects.select_for_update().get(pk=self._run.pk)
        if run.state != EmergencyState.CLOSING:
            return
        rounds = run.found.get("rounds", [])
        account = Account.objects.get(code=run.account)
        for planned, instrument, price in ready:
            _give(run, len(rounds) + 1, account, planned, instrument, price)
        positions = {str(planned.con_id): f"{planned.shown:f}" for planned, _, _ in ready}
        rounds = [*rounds, {"at": clock.now().isoformat(), "asked_at": shown.as_of.isoformat(), "positions": positions}]
        run.found = {**run.found, "rounds": rounds}
        run.save(update_fields=["found"])

    def _escalate(self, problem: str, shown: Shown | None = None) -> bool:
        problem += receipts.obstacles()
        receipts.give_up_orders(self._run, "the close-all was given up")
        receipts.end(self._run, EmergencyState.ESCALATED, problem=problem, picture=shown.picture() if shown else None)
        return True

    @transaction.atomic
    def _note(self, **values: Any) -> None:
        run = EmergencyRun.objects.select_for_update().get(pk=self._run.pk)
        run.found = {**run.found, **values}
        run.save(update_fields=["found"])
        self._run.found = run.found


def look_at(run: EmergencyRun, positions: Known[Any], orders: Known[Any]) -> Shown:
    """What of the answers lies in the scope of the run."""
    only = run.target if run.scope == Scope.INSTRUMENT else ""
    holdings = [
        Holding(int(row["con_id"]), row["symbol"], Decimal(row["position"]))
        for row in positions.value
        if row["account"] == run.account and Decimal(row["position"]) and only in ("", str(row["con_id"]))
    ]
    open_orders = [row for row in orders.value if row["account"] == run.account]
    if only:
        symbol = Instrument.objects.filter(con_id=only).values_list("symbol", flat=True).first() or ""
        open_orders = [row for row in open_orders if _is_about(row, int(only), symbol)]
    return Shown(min(positions.as_of, orders.as_of), tuple(holdings), tuple(open_orders))


def _is_about(row: Mapping[str, Any], con_id: int, symbol: str) -> bool:
    """A combination has no conId of its own: any of the same symbol may hold the instrument."""
    return bool(row["con_id"] == con_id or (not row["con_id"] and row["symbol"] == symbol))


def last_sent(run: EmergencyRun) -> dict[int, Sent]:
    """Of each instrument the last order of the run."""
    rounds = run.found.get("rounds", [])
    found = {}
    for order in receipts.orders_of(run.pk):
        number = int(order.idempotency_key.split(":")[2])
        con_id = order.instrument.con_id
        before = Decimal(rounds[number - 1]["positions"][str(con_id)])
        found[con_id] = Sent(con_id, before, Side(order.side), order.filled_quantity)
    return found


def price_of(planned: Opposite, instrument: Instrument) -> Pricing | None:
    hours = market_is_open(
        sec_type=instrument.sec_type,
        primary_exchange=instrument.primary_exchange,
        exchange=instrument.exchange,
        currency=instrument.currency,
        now=clock.now(),
    )
    is_open = hours.value if isinstance(hours, Known) else None
    if is_open is not False:
        return pricing(planned.side, is_open=is_open, bid=None, ask=None)
    payload = {"con_ids": [planned.con_id], "fresh": True}
    answer = broker.ask(RequestKind.QUOTES, payload, priority=Priority.RECONCILE)
    quote = answer.value[0] if isinstance(answer, Known) and answer.value else {}
    touches = {name: Decimal(quote[name]) if quote.get(name) else None for name in ("bid", "ask")}
    return pricing(planned.side, is_open=False, bid=touches["bid"], ask=touches["ask"])


def describe(shown: Shown) -> str:
    held = ", ".join(f"{h.quantity.normalize():f} {h.symbol}" for h in shown.holdings)
    orders = ", ".join(f"{row['action']} {row['remaining']} {row['symbol']}" for row in shown.open_orders)
    told = [f"the broker still shows {held}"] if held else []
    return "; ".join(told + ([f"open orders: {orders}"] if orders else [])) or "fills and positions do not agree"


def _give(
    run: EmergencyRun, number: int, account: Account, planned: Opposite, instrument: Instrument, price: Pricing
) -> None:
    terms = Terms(
        account=account,
        instrument=instrument,
        side=planned.side,
        quantity=planned.quantity,
        order_type=price.order_type,
        limit_price=price.limit_price,
        outside_regular_hours=price.outside_regular_hours,
        time_in_force=TimeInForce.DAY,
        purpose=OrderPurpose.FLATTEN,
        reason=f"close all: {run.reason}"[:500],
    )
    key = f"{closing_key(run.pk)}{number}:{planned.con_id}"
    expires_at = clock.now() + timedelta(seconds=ORDER_SECONDS)
    order = broker.propose_order(terms=terms, idempotency_key=key, requested_by=run.actor, expires_at=expires_at)
    at_market = ", at the market: it needs no quote" if price.order_type is OrderType.MARKET else ""
    broker.approve_order(order_id=order.pk, actor=run.actor, reason=f"close all, round {number}{at_market}")


def _cancel(order: Order, actor: str) -> None:
    try:
        broker.request_cancel(order_id=order.pk, actor=actor, reason="not filled in time")
    except OrderMovedOn:
        return
