"""Who is told what happens at the exchange."""

from __future__ import annotations

from typing import Protocol

from .orders import Order
from .records import CommissionReport, Execution


class Listener(Protocol):
    """The server implements it and decides which clients hear what. A call must not call back into the exchange."""

    def order_opened(self, order: Order) -> None: ...

    def order_status(self, order: Order) -> None: ...

    def executed(self, execution: Execution) -> None: ...

    def commission(self, report: CommissionReport) -> None: ...

    def position_changed(self, account: str, con_id: int) -> None: ...

    def account_changed(self, account: str) -> None: ...

    def error(self, client_id: int, order_id: int, code: int, text: str) -> None: ...


class Silence:
    """Nobody listens: an exchange before a server is attached."""

    def order_opened(self, order: Order) -> None:
        pass

    def order_status(self, order: Order) -> None:
        pass

    def executed(self, execution: Execution) -> None:
        pass

    def commission(self, report: CommissionReport) -> None:
        pass

    def position_changed(self, account: str, con_id: int) -> None:
        pass

    def account_changed(self, account: str) -> None:
        pass

    def error(self, client_id: int, order_id: int, code: int, text: str) -> None:
        pass
