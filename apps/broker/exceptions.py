"""What can go wrong between TradeOps and the broker.

TradeOpsError
└── BrokerError
    ├── NotConnectedError     try again when the gateway is connected
    ├── LoginError            the gateway could not log in; the text says what to do
    │   └── ClientIdInUseError
    ├── AnswerError           the broker refused to answer this question
    │   └── PacingError       the broker would refuse it now; later it may not
    ├── TurnDroppedError      it waited behind cancels that could not wait; ask again
    ├── FencedError           this gateway may not send: another has taken over, or the mode guard refuses
    ├── SecondGatewayError    another gateway runs against this database
    ├── CashFlowError         a deposit or withdrawal that cannot be counted
    ├── SettlementError       what an option paid cannot be booked like this
    ├── UnlockError           a person must mend the request to unlock or lock live trading
    └── OrderError            the ledger refuses what was asked of an order
        ├── IdempotencyConflict   the key already stands for another intent
        └── OrderMovedOn          the order is in another state by now: look again
"""

from __future__ import annotations

from tradeops.lib.errors import TradeOpsError


class BrokerError(TradeOpsError):
    pass


class NotConnectedError(BrokerError):
    pass


class LoginError(BrokerError):
    pass


class ClientIdInUseError(LoginError):
    pass


class AnswerError(BrokerError):
    """`code` is IB's, 0 where it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class PacingError(AnswerError):
    pass


class TurnDroppedError(BrokerError):
    pass


class FencedError(BrokerError):
    pass


class SecondGatewayError(BrokerError):
    pass


class UnlockError(BrokerError):
    pass


class CashFlowError(BrokerError):
    pass


class SettlementError(BrokerError):
    pass


class OrderError(BrokerError):
    pass


class IdempotencyConflict(OrderError):
    pass


class OrderMovedOn(OrderError):
    pass
