"""What only a person may do: close a circuit breaker, and decide about a market order that never arrived."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User

from apps.broker import services as broker
from apps.broker.choices import OrderState, StopSource, TradingPermission
from apps.broker.gateway.orders import unresolved
from apps.broker.models import Order, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.risk.services import breakers
from tests.broker.chaos.patience import patiently
from tradeops.lib.breaking import ORDER_PLACEMENT


class Person:
    def __init__(self, simulator: SimulatorProcess) -> None:
        self.decided: set[UUID] = set()
        self.released = 0
        self._simulator = simulator
        self._user = patiently(lambda: User.objects.get_or_create(username="person", is_superuser=True)[0])

    def release_breaker(self) -> None:
        """Having seen why orders failed."""
        stops = TradingState.objects.filter(source=StopSource.BREAKER).exclude(permission=TradingPermission.ACTIVE)
        if patiently(stops.exists):
            self.released += 1
            patiently(lambda: breakers.reset_breaker(name=ORDER_PLACEMENT, reason="the storm", user=self._user))

    def decide_unresolved(self) -> None:
        """Of orders that TradeOps has looked for twice and will not send again: TWS does not show them either."""
        in_tws = {row["order_ref"] for row in self._simulator.control("orders")["orders"]}
        for order in patiently(lambda: list(Order.objects.filter(state=OrderState.UNRESOLVED, looks__gte=2))):
            if str(order.pk) in in_tws or order.cancel_requested_at is not None:
                continue
            may_be_sent = order.order_type in unresolved.RESENDABLE and order.times_sent < unresolved.MOST_TIMES_SENT
            assert not may_be_sent, f"{order} is left to a person although it may be sent again"
            patiently(lambda: broker.request_cancel(order_id=order.pk, actor="person", reason="not in TWS"))  # noqa: B023
            self.decided.add(order.pk)
