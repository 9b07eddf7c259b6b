"""Limits, restrictions and verdicts in the control room."""

from apps.risk.admin.limits import LimitRevisionAdmin, RestrictionAdmin
from apps.risk.admin.verdicts import OrderVerdictAdmin

__all__ = ["LimitRevisionAdmin", "OrderVerdictAdmin", "RestrictionAdmin"]
