"""The life of an order in the ledger: which state may follow which, what a trading state or session lets through."""

from __future__ import annotations

from collections.abc import Iterable

from apps.broker.choices import OrderPurpose, OrderState, SessionState, TradingPermission

S = OrderState

# The database holds the same table (migration 0004): neither can be changed alone, a test compares them.
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    S.PROPOSED: frozenset({S.APPROVED, S.DENIED, S.CANCELLED, S.EXPIRED}),
    S.APPROVED: frozenset({S.SUBMITTING, S.DENIED, S.CANCELLED, S.EXPIRED}),
    # Back to APPROVED only where it is certain that nothing left this machine.
    S.SUBMITTING: frozenset(
        {S.WORKING, S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.UNRESOLVED, S.APPROVED, S.DENIED}
    ),
    # Back to APPROVED only after two agreeing looks at the broker have shown that the order never arrived.
    S.UNRESOLVED: frozenset({S.WORKING, S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.APPROVED}),
    S.WORKING: frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.UNRESOLVED}),
    # An end is final only when executions agree: the broker may show a late fill, or that the order still works.
    S.CANCELLED: frozenset({S.WORKING, S.FILLED}),
    S.REJECTED: frozenset({S.WORKING, S.FILLED}),
    S.EXPIRED: frozenset({S.WORKING, S.FILLED}),
    S.FILLED: frozenset(),
    S.DENIED: frozenset(),
}

# The broker may hold it, or may come to hold it: it counts against every limit.
AT_RISK = frozenset({S.APPROVED, S.SUBMITTING, S.WORKING, S.UNRESOLVED})
OPEN = AT_RISK | {S.PROPOSED}
ENDED = frozenset(OrderState) - OPEN

P = OrderPurpose
# What opens a position or adds to one; all else closes or protects, and is not hindered more than needed.
ENTERING = frozenset({P.ENTRY, P.CORRECTION})
CLOSING = frozenset(OrderPurpose) - ENTERING
SEVERITY = {
    TradingPermission.ACTIVE: 0,
    TradingPermission.REDUCING: 1,
    TradingPermission.HALTED: 2,
    TradingPermission.KILLED: 3,
}
# A halt keeps protective orders and lets positions be closed; only KILLED admits nothing but cancels.
ADMITTED: dict[TradingPermission, frozenset[OrderPurpose]] = {
    TradingPermission.ACTIVE: frozenset(OrderPurpose),
    TradingPermission.REDUCING: CLOSING,
    TradingPermission.HALTED: CLOSING,
    TradingPermission.KILLED: frozenset(),
}

# Without market data nothing is entered, but positions are closed and protected: a market order needs no quote.
SENDABLE: dict[SessionState, frozenset[OrderPurpose]] = {
    SessionState.READY: frozenset(OrderPurpose),
    SessionState.DATA_DEGRADED: frozenset({P.PROTECTIVE, P.FLATTEN}),
    # Another login took the market data away, not the trading.
    SessionState.COMPETING_SESSION: frozenset({P.PROTECTIVE, P.FLATTEN}),
}


def may_follow(before: OrderState, after: OrderState) -> bool:
    return after in TRANSITIONS[before]


def most_restrictive(permissions: Iterable[TradingPermission]) -> TradingPermission:
    return max(permissions, key=SEVERITY.__getitem__, default=TradingPermission.ACTIVE)


def admits(permission: TradingPermission, purpose: OrderPurpose) -> bool:
    return purpose in ADMITTED[permission]


def sendable(state: SessionState) -> frozenset[OrderPurpose]:
    """What may leave while the session is so: nothing, unless the trading link is alive and the mirror complete."""
    return SENDABLE.get(state, frozenset())
