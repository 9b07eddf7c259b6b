"""What is known about the broker, the ledger of orders and the trades that came of it."""

from apps.broker.selectors.mirror import (
    COMING_BACK,
    EXCHANGE_ZONE,
    FOLLOWING,
    GATEWAY_NOT_RUNNING,
    STALE_SECONDS,
    SessionView,
    account_value,
    active_unlock,
    configured_mode,
    default_account,
    equity_today,
    executions,
    live_is_unlocked,
    open_orders,
    planned_restart,
    positions,
    session,
)
from apps.broker.selectors.orders import external_activity, open_ledger_orders, order_with_events
from apps.broker.selectors.payments import cash_flows
from apps.broker.selectors.story import order_story
from apps.broker.selectors.trades import (
    closings_between,
    open_trades,
    realised_today,
    trades_closed_between,
    unmatched_between,
)

__all__ = [
    "COMING_BACK",
    "EXCHANGE_ZONE",
    "FOLLOWING",
    "GATEWAY_NOT_RUNNING",
    "STALE_SECONDS",
    "SessionView",
    "account_value",
    "active_unlock",
    "cash_flows",
    "closings_between",
    "configured_mode",
    "default_account",
    "equity_today",
    "executions",
    "external_activity",
    "live_is_unlocked",
    "open_ledger_orders",
    "open_orders",
    "open_trades",
    "order_story",
    "order_with_events",
    "planned_restart",
    "positions",
    "realised_today",
    "session",
    "trades_closed_between",
    "unmatched_between",
]
