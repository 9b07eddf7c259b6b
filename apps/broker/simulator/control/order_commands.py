"""Commands about orders: what the exchange does with them, and what a person does by hand in TWS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .registry import CommandError, Result, command, integer, number, quantity, side, switch

if TYPE_CHECKING:
    from ..server import Gateway


@command("reject N [CODE] [TEXT...]", "reject the next N orders, with 201 unless told otherwise")
def reject(gateway: Gateway, words: Sequence[str]) -> Result:
    code = integer(words[1]) if len(words) > 1 else 201
    reason = " ".join(words[2:]) or "Order rejected - reason:Simulated"
    gateway.exchange.reject_next(integer(words[0]), code, reason)
    return {}


@command("hold on|off", "while on, no order is filled")
def hold(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.exchange.hold = switch(words[0])
    return {}


@command("fill CLIENT ORDERID QUANTITY PRICE", "fill a working order, in part or in full")
def fill(gateway: Gateway, words: Sequence[str]) -> Result:
    client_id, order_id = integer(words[0]), integer(words[1], least=-(2**31))
    gateway.exchange.fill(client_id, order_id, quantity(words[2]), number(words[3]))
    return {}


@command("fill-chunk N|off", "fill at most N units of an order per market step")
def fill_chunk(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.exchange.fill_chunk = None if words[0] in ("off", "0") else integer(words[0], least=1)
    return {}


@command("lose-ack N", "accept the next N orders but send nothing about them")
def lose_acknowledgements(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.lose_acknowledgements = integer(words[0])
    return {}


@command("lose-order N", "the next N orders never reach the broker and are not answered")
def lose_orders(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.lose_orders = integer(words[0])
    return {}


@command("late-orders on|off", "while on, new orders lie on their way to the broker, in no list; off lets them arrive")
def late_orders(gateway: Gateway, words: Sequence[str]) -> Result:
    faults = gateway.faults
    faults.late_orders = switch(words[0])
    if not faults.late_orders:
        arriving, faults.on_their_way = faults.on_their_way, []
        for request in arriving:
            gateway.exchange.place(request)
    return {"on_their_way": len(faults.on_their_way)}


@command("swallow-exec N", "the next N executions count, but are never reported nor listed")
def swallow_executions(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.swallow_executions = integer(words[0])
    return {}


@command("dup-exec", "send the last execution once more")
def duplicate_execution(gateway: Gateway, words: Sequence[str]) -> Result:
    return {"exec_id": gateway.exchange.duplicate_last_execution().exec_id}


@command("correct-exec [EXECID] [PRICE]", "correct an execution (the last one): new id suffix, new price")
def correct_execution(gateway: Gateway, words: Sequence[str]) -> Result:
    done = gateway.exchange.executions()
    if not done:
        raise CommandError("nothing has been executed yet")
    execution_id = words[0] if words else done[-1][0].exec_id
    corrected = gateway.exchange.correct_execution(execution_id, number(words[1]) if len(words) == 2 else None)
    return {"exec_id": corrected.exec_id, "price": corrected.price}


@command("trade SYMBOL SIDE QUANTITY", "a trade entered by hand in TWS, filled at the market")
def trade(gateway: Gateway, words: Sequence[str]) -> Result:
    order = gateway.exchange.manual_trade(words[0].upper(), side(words[1]), quantity(words[2]))
    return {"perm_id": order.perm_id, "status": order.status}


@command("order SYMBOL SIDE QUANTITY [PRICE]", "an order entered by hand in TWS, a limit order if a price is given")
def manual_order(gateway: Gateway, words: Sequence[str]) -> Result:
    price = number(words[3]) if len(words) == 4 else None
    order = gateway.exchange.manual_order(words[0].upper(), side(words[1]), quantity(words[2]), price)
    return {"perm_id": order.perm_id, "status": order.status}


@command("cancel PERMID", "cancel an order by hand in TWS")
def cancel(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.exchange.cancel_by_perm_id(integer(words[0]))
    return {}
