"""What people and other apps may do with the broker: ask it, unlock live trading, order, and stop trading."""

from apps.broker.asking import Question, ask, ask_each
from apps.broker.services.instruments import NoSuchContract, find_each, find_instrument, find_underlyings
from apps.broker.services.orders import (
    Terms,
    approve_order,
    deny_order,
    expire_orders,
    propose_order,
    request_cancel,
    request_modification,
)
from apps.broker.services.payments import book_cash_flow, check_cash_flow, remove_cash_flow
from apps.broker.services.trading_states import release_trading_state, set_trading_state
from apps.broker.services.unlocks import confirm_unlock, revoke_live, unlock_live

__all__ = [
    "NoSuchContract",
    "Question",
    "Terms",
    "approve_order",
    "ask",
    "book_cash_flow",
    "check_cash_flow",
    "ask_each",
    "confirm_unlock",
    "deny_order",
    "expire_orders",
    "find_each",
    "find_instrument",
    "find_underlyings",
    "propose_order",
    "release_trading_state",
    "remove_cash_flow",
    "request_cancel",
    "request_modification",
    "revoke_live",
    "set_trading_state",
    "unlock_live",
]
