"""Who hears what happens at the exchange.

The owner of an order, the master client, and client 0 for orders entered by hand. All others learn of an order only
by asking for all open orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from .exchange.orders import Order
from .exchange.records import CommissionReport, Execution
from .protocol import accounts, orders
from .protocol.system import Message, error
from .streams.account_updates import AccountUpdatesMulti, PositionsMulti
from .streams.registry import Kind

if TYPE_CHECKING:
    from .server import Gateway
    from .sessions.session import Session

MANUAL_CLIENT = 0
LIVE = -1


class Router:
    """Implements exchange.Listener. Account news is collected and told by `flush`, after the exchange is done."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._execution_owners: dict[str, Execution] = {}
        self._moved: dict[tuple[str, int], None] = {}
        self._accounts: dict[str, None] = {}

    # exchange.Listener

    def order_opened(self, order: Order) -> None:
        hearers = self._owner(order.client_id, order.order_id) if order.what_if else self._hearers_of(order)
        for session in hearers:
            session.notify(orders.encode_open_order(order, session.version, session.client_id))

    def order_status(self, order: Order) -> None:
        for session in self._hearers_of(order):
            session.notify(orders.encode_order_status(order, session.client_id))

    def executed(self, execution: Execution) -> None:
        if self._gateway.faults.swallows_execution(execution.exec_id):
            return
        self._execution_owners[execution.exec_id] = execution
        self._tell(execution, lambda session: encode_execution(execution, LIVE, session))

    def commission(self, report: CommissionReport) -> None:
        execution = self._execution_owners.pop(report.exec_id, None)
        if execution is not None:
            self._tell(execution, lambda session: orders.encode_commission_report(report))

    def position_changed(self, account: str, con_id: int) -> None:
        self._moved[account, con_id] = None

    def account_changed(self, account: str) -> None:
        self._accounts[account] = None

    def error(self, client_id: int, order_id: int, code: int, text: str) -> None:
        for session in (*self._owner(client_id, order_id), *self._master(client_id)):
            session.notify(error(order_id, code, text, session.version))

    # for the gateway

    def flush(self) -> None:
        """Tells what has changed in positions and accounts since the last time."""
        moved, touched = list(self._moved), list(self._accounts)
        self._moved.clear()
        self._accounts.clear()
        for account in dict.fromkeys([account for account, _ in moved] + touched):
            con_ids = [con_id for name, con_id in moved if name == account]
            for session in list(self._gateway.sessions.values()):
                self._tell_account(session, account, con_ids)

    def _tell_account(self, session: Session, account: str, con_ids: list[int]) -> None:
        if session.wants_positions:
            for con_id in con_ids:
                session.notify(self._position(account, con_id))
        for stream in session.streams.of(Kind.POSITIONS_MULTI, Kind.ACCOUNT_MULTI):
            if isinstance(stream, PositionsMulti | AccountUpdatesMulti) and stream.account == account:
                _notify_all(session, stream.changed(con_ids))
        if session.account_updates is not None and session.account_updates.account == account:
            _notify_all(session, session.account_updates.changed(con_ids))

    def _position(self, account: str, con_id: int) -> Message:
        held = self._gateway.exchange.position(account, con_id)
        quantity, cost = (held.quantity, held.average_cost) if held else (0, 0)
        return accounts.position(account, self._gateway.contract(con_id), quantity, cost)

    def _hearers_of(self, order: Order) -> Iterator[Session]:
        if order.order_id:
            yield from self._owner(order.client_id, order.order_id)
        yield from self._master(order.client_id if order.order_id else None)

    def _owner(self, client_id: int, order_id: int) -> Iterator[Session]:
        session = self._gateway.sessions.get(client_id)
        if session is not None and order_id not in session.unacknowledged:
            yield session

    def _master(self, owner_id: int | None) -> Iterator[Session]:
        master_id = self._gateway.settings.master_client_id
        if master_id is not None and master_id != owner_id and master_id in self._gateway.sessions:
            yield self._gateway.sessions[master_id]

    def _tell(self, execution: Execution, message: Callable[[Session], Message]) -> None:
        # executions of unbound manual orders reach client 0 as well
        for session in (*self._owner(execution.client_id, execution.order_id), *self._master(execution.client_id)):
            session.notify(message(session))


def encode_execution(execution: Execution, request_id: int, session: Session) -> Message:
    order_id = 0 if execution.order_id <= 0 and session.client_id != MANUAL_CLIENT else execution.order_id
    return orders.encode_execution(execution, request_id, session.version, order_id)


def _notify_all(session: Session, messages: Iterable[Message]) -> None:
    for message in messages:
        session.notify(message)
