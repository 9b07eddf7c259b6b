"""Commands that tell what is: the independent ledger that tests compare with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..exchange.orders import Order
from ..protocol.fields import text
from ..protocol.messages import Request
from .registry import COMMANDS, Result, command, integer

if TYPE_CHECKING:
    from ..journal import Entry
    from ..server import Gateway


@command("status", "who is connected and what is going on")
def status(gateway: Gateway, words: Sequence[str]) -> Result:
    clients = [
        {
            "client_id": session.client_id,
            "version": session.version,
            "received": session.received,
            "sent": session.sent,
            "violations": session.violations,
            "subscriptions": sorted(f"{stream.kind.name.lower()} {stream.request_id}" for stream in session.streams),
        }
        for session in gateway.sessions.values()
    ]
    faults = gateway.faults
    return {
        "now": gateway.market.now().isoformat(),
        "steps": gateway.steps,
        "accounts": gateway.exchange.accounts,
        "clients": clients,
        "connections": len(gateway.connections),
        "lines": gateway.lines_used(),
        "open_orders": len(gateway.exchange.open_orders()),
        "executions": len(gateway.exchange.executions()),
        "broker_connected": faults.broker_connected,
        "read_only": faults.read_only,
        "hold": gateway.exchange.hold,
        "failures": gateway.failures,
    }


@command("orders", "all orders of the day: working and completed")
def orders(gateway: Gateway, words: Sequence[str]) -> Result:
    exchange = gateway.exchange
    return {"orders": [_order(order) for order in (*exchange.open_orders(), *exchange.completed_orders())]}


def _order(order: Order) -> dict[str, object]:
    request = order.request
    return {
        "client_id": order.client_id,
        "order_id": order.order_id,
        "perm_id": order.perm_id,
        "account": order.account,
        "con_id": order.contract.con_id,
        "symbol": order.contract.symbol,
        "sec_type": order.contract.sec_type,
        "action": request.action,
        "quantity": text(request.quantity),
        "order_type": request.order_type,
        "limit_price": request.limit_price,
        "aux_price": request.aux_price,
        "tif": request.tif,
        "order_ref": request.order_ref,
        "status": order.status,
        "filled": text(order.filled),
        "average_price": order.average_fill_price,
        "reason": order.reason,
    }


@command("executions", "all executions of the day with their commissions")
def executions(gateway: Gateway, words: Sequence[str]) -> Result:
    rows = []
    for execution, report in gateway.exchange.executions():
        rows.append(
            {
                "exec_id": execution.exec_id,
                "client_id": execution.client_id,
                "order_id": execution.order_id,
                "perm_id": execution.perm_id,
                "account": execution.account,
                "con_id": execution.contract.con_id,
                "symbol": execution.contract.symbol,
                "side": execution.side,
                "shares": text(execution.shares),
                "price": execution.price,
                "at": execution.at.isoformat(),
                "order_ref": execution.order_ref,
                "commission": text(report.commission),
                "currency": report.currency,
                "realized_pnl": None if report.realized_pnl is None else text(report.realized_pnl),
            }
        )
    return {"executions": rows}


@command("positions", "what each account holds")
def positions(gateway: Gateway, words: Sequence[str]) -> Result:
    held = [position for account in gateway.exchange.accounts for position in gateway.exchange.positions(account)]
    return {
        "positions": [
            {
                "account": position.account,
                "con_id": position.contract.con_id,
                "symbol": position.contract.symbol,
                "local_symbol": position.contract.local_symbol,
                "sec_type": position.contract.sec_type,
                "currency": position.contract.currency,
                "quantity": text(position.quantity),
                "average_cost": position.average_cost,
            }
            for position in held
        ]
    }


@command("log [N] [CLIENT]", "the last N messages received from each client, or from one, with their times")
def log(gateway: Gateway, words: Sequence[str]) -> Result:
    count = integer(words[0], least=1) if words else 20
    client_id = integer(words[1], least=-1) if len(words) == 2 else None
    return {"messages": [_entry(entry) for entry in gateway.journal.last(count, client_id)]}


def _entry(entry: Entry) -> dict[str, object]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat()
    return {
        "at": at,
        "at_epoch": entry.at,
        "client_id": entry.client_id,
        "type": _type_name(entry.fields),
        "fields": list(entry.fields),
    }


def _type_name(fields: Sequence[str]) -> str:
    try:
        return Request(int(fields[0])).api_name
    except (ValueError, IndexError):
        return "unknown"


@command("help", "this list")
def help_(gateway: Gateway, words: Sequence[str]) -> Result:
    return {"commands": {known.usage: known.help for known in COMMANDS.values()}}
