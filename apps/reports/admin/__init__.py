"""Reports in the control room."""

from apps.reports.admin.commentaries import CommentaryAdmin
from apps.reports.admin.performance import PerformanceAdmin
from apps.reports.admin.reports import ReportAdmin

__all__ = ["CommentaryAdmin", "PerformanceAdmin", "ReportAdmin"]
