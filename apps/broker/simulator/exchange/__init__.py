"""What happens to orders: accounts, margin, matching, executions."""

from .exchange import Exchange
from .listener import Listener, Silence
from .orders import Margins, Order, WhatIf
from .records import (
    AccountValue,
    CommissionReport,
    Execution,
    ExecutionFilter,
    Pnl,
    PnlSingle,
    PortfolioItem,
    Position,
)
from .requests import Condition, DeltaNeutral, Leg, OrderRequest
from .state import ExchangeState

__all__ = [
    "AccountValue",
    "CommissionReport",
    "Condition",
    "DeltaNeutral",
    "Exchange",
    "Execution",
    "ExchangeState",
    "ExecutionFilter",
    "Leg",
    "Listener",
    "Margins",
    "Order",
    "OrderRequest",
    "Pnl",
    "PnlSingle",
    "PortfolioItem",
    "Position",
    "Silence",
    "WhatIf",
]
