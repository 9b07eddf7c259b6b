"""Orders given as strategies and people give them, also several at once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import connections

from apps.broker.models import Order, Position
from apps.risk import services as risk
from tests.broker.ledger.builders import make_account
from tests.risk.world import coin, terms
from tradeops.lib import clock

D = Decimal
PROPOSE, APPROVE = "broker.propose_order", "broker.approve_order"


def submit(key: str = "", *, user: User | None = None, **changes: Any) -> Order:
    outer = {name: changes.pop(name) for name in ("parent", "oca_group") if name in changes}
    return risk.submit_order(
        terms=terms(**changes), idempotency_key=key or uuid.uuid4().hex, requested_by="momentum", user=user, **outer
    )


def codes(order: Order) -> set[str]:
    return {reason["code"] for reason in order.verdicts.latest("id").reasons}


def hold(quantity: str, con_id: int = 1) -> Position:
    return Position.objects.create(
        account=make_account(),
        instrument=coin(con_id),
        quantity=D(quantity),
        average_cost=D(90),
        market_price=D(100),
        market_value=D(quantity) * 100,
        as_of=clock.now(),
    )


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    start, results = threading.Barrier(count), [None] * count

    def run(place: int) -> None:
        try:
            start.wait(20)
            results[place] = work(place)
        except BaseException as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[place]) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
