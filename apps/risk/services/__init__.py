"""Limits and verdicts; stopping and resuming; reconciliation."""

from apps.risk.services.limits import advance_limits, approve_limit, change_limit, refuse_limit

__all__ = ["advance_limits", "approve_limit", "change_limit", "refuse_limit"]
