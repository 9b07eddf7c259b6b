"""Limits, verdicts, breakers, reconciliation and the watch over losses in the control room."""

from apps.risk.admin.breakers import BreakerAdmin
from apps.risk.admin.limits import LimitRevisionAdmin, RestrictionAdmin
from apps.risk.admin.monitors import DayBaselineAdmin, EquityWatchAdmin, LimitBreachAdmin, UnexplainedChangeAdmin
from apps.risk.admin.reconciliation import AdoptionAdmin, BreakAdmin, OpeningBalanceAdmin, ReconciliationRunAdmin
from apps.risk.admin.verdicts import OrderOverrideAdmin, OrderVerdictAdmin

__all__ = [
    "AdoptionAdmin",
    "BreakAdmin",
    "BreakerAdmin",
    "DayBaselineAdmin",
    "EquityWatchAdmin",
    "LimitBreachAdmin",
    "LimitRevisionAdmin",
    "OpeningBalanceAdmin",
    "OrderOverrideAdmin",
    "OrderVerdictAdmin",
    "ReconciliationRunAdmin",
    "RestrictionAdmin",
    "UnexplainedChangeAdmin",
]
