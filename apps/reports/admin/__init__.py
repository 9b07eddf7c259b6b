"""Reports in the control room."""

from apps.reports.admin.payments import CashFlowAdmin, CommentaryAdmin
from apps.reports.admin.performance import PerformanceAdmin
from apps.reports.admin.reports import ReportAdmin

__all__ = ["CashFlowAdmin", "CommentaryAdmin", "PerformanceAdmin", "ReportAdmin"]
