"""Limits and verdicts; stopping and resuming; reconciliation."""

from apps.risk.services.approval import approve_order, reject_order
from apps.risk.services.emergency import cancel_all, close_all, halt
from apps.risk.services.emergency_resume import resume
from apps.risk.services.limits import advance_limits, approve_limit, change_limit, refuse_limit
from apps.risk.services.modification import modify_order
from apps.risk.services.overrides import override_order
from apps.risk.services.submission import preview_order, submit_order

__all__ = [
    "advance_limits",
    "approve_limit",
    "approve_order",
    "cancel_all",
    "change_limit",
    "close_all",
    "halt",
    "modify_order",
    "override_order",
    "preview_order",
    "refuse_limit",
    "reject_order",
    "resume",
    "submit_order",
]
