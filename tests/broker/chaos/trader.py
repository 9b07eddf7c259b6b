"""Gives orders, changes some and cancels some, whatever happens around it."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from django.db import connections, transaction

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.exceptions import OrderError, OrderMovedOn
from apps.broker.models import Instrument, Order
from apps.broker.services import Terms
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.chaos.intents import KINDS, Kind, Market, Wish
from tests.broker.chaos.patience import patiently
from tests.broker.gateway.ordering import account
from tests.broker.ledger.builders import make_instrument

# Nothing is held of them at the beginning: their trades begin with the first order.
SYMBOLS = ("QQQ", "IWM", "XLK", "NVDA")
PAUSE_SECONDS = 0.08
CANCELLED, MODIFIED = 0.25, 0.15
MODIFIABLE = ("limit, resting", "stop")


class Trader:
    """Every intent has one key, with which it is given again when the database's answer was lost."""

    def __init__(self, simulator: SimulatorProcess, seed: int) -> None:
        self.kinds: dict[uuid.UUID, str] = {}
        self.asked: Counter[str] = Counter()
        self._simulator = simulator
        self._chance = random.Random(f"{seed} trader")
        self._instruments: dict[str, Instrument] = {}

    def trade(self, count: int) -> None:
        """In a thread of its own: at least so many orders."""
        wanted = len(self.kinds) + count
        try:
            while len(self.kinds) < wanted:
                self.give(self._chance.choice(KINDS))
                self._think_again()
                time.sleep(self._chance.uniform(0, PAUSE_SECONDS))
        finally:
            connections.close_all()

    def give(self, kind: Kind, chance: random.Random | None = None) -> list[Order]:
        orders = self.propose(kind, chance or self._chance)
        self.approve(orders)
        return orders

    def propose(self, kind: Kind, chance: random.Random) -> list[Order]:
        wish = Wish(chance, self._market(chance.choice(SYMBOLS)), uuid.uuid4().hex)
        kind(wish)
        orders = patiently(lambda: self._propose(wish))
        self.kinds |= {order.pk: intent.kind for order, intent in zip(orders, wish.intents, strict=True)}
        return orders

    @transaction.atomic
    def _propose(self, wish: Wish) -> list[Order]:
        orders: list[Order] = []
        for place, intent in enumerate(wish.intents):
            terms = {"purpose": OrderPurpose.ENTRY, "reason": intent.kind} | intent.terms
            order = broker.propose_order(
                terms=Terms(account=account(), instrument=self._instrument(intent.symbol), **terms),
                idempotency_key=f"{wish.key}:{place}",
                requested_by="trader",
                parent=None if intent.parent is None else orders[intent.parent],
                oca_group=intent.group,
            )
            orders.append(order)
        return orders

    def approve(self, orders: Sequence[Order]) -> None:
        patiently(lambda: self._approve([order.pk for order in orders]))

    @transaction.atomic
    def _approve(self, ids: Sequence[uuid.UUID]) -> None:
        for pk in ids:
            # Approved already where only the answer was lost, or the trader has thought again.
            with contextlib.suppress(OrderMovedOn):
                broker.approve_order(order_id=pk, actor="trader")

    def _think_again(self) -> None:
        """Of any order that was given, whatever its state: most are refused, as they have ended."""
        given = list(self.kinds)
        if self._chance.random() < CANCELLED:
            self.cancel(self._chance.choice(given[-12:]))
        if self._chance.random() < MODIFIED:
            self._modify([pk for pk in given if self.kinds[pk] in MODIFIABLE])

    def cancel(self, pk: uuid.UUID) -> None:
        with contextlib.suppress(OrderMovedOn):
            patiently(lambda: broker.request_cancel(order_id=pk, actor="trader", reason="a second thought"))
            self.asked["cancelled"] += 1

    def _modify(self, candidates: Sequence[uuid.UUID]) -> None:
        working = patiently(lambda: list(Order.objects.filter(pk__in=candidates[-24:], state=OrderState.WORKING)))
        if not working:
            return
        order = self._chance.choice(sorted(working, key=lambda order: order.created_at))
        changes = {"quantity": order.quantity + self._chance.randint(1, 3)}
        if order.limit_price is not None and self._chance.random() < 0.5:
            changes = {"limit_price": order.limit_price + Decimal("0.01")}
        with contextlib.suppress(OrderError):
            patiently(lambda: broker.request_modification(order_id=order.pk, changes=changes, actor="trader"))
            self.asked["modified"] += 1

    def _market(self, symbol: str) -> Market:
        quote = self._quote(symbol)
        return Market(symbol, Decimal(str(quote["bid"])), Decimal(str(quote["ask"])))

    def _quote(self, symbol: str) -> dict[str, object]:
        quotes = self._simulator.control(f"quote {symbol}")["quotes"]
        return next(quote for quote in quotes if (quote["sec_type"], quote["currency"]) == ("STK", "USD"))

    def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._instruments:
            self._instruments[symbol] = make_instrument(symbol, int(str(self._quote(symbol)["con_id"])))
        return self._instruments[symbol]
