"""The performance page: figures and curves of an account."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.broker import selectors as broker
from apps.reports import figures
from apps.reports.exceptions import ReportsError
from apps.reports.forms import PerformanceForm
from apps.reports.models import Performance
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.performance import performance_of
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin

TEMPLATE = "admin/reports/performance.html"


@admin.register(Performance)
class PerformanceAdmin(ReadOnlyAdmin):
    """Its list is the page. A snapshot has its own page under Portfolio snapshots."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = PerformanceForm({"account": default_code(), **request.GET.dict()})
        context = {
            **self.admin_site.each_context(request),
            "title": "Performance",
            "opts": self.opts,
            "form": form,
            "ranges": figures.ranges(clock.now().date()),
            **(self._shown(form) if form.is_valid() else {}),
        }
        return TemplateResponse(request, TEMPLATE, context)

    def _shown(self, form: PerformanceForm) -> dict[str, Any]:
        """The figures, or in words why there are none."""
        wanted = form.cleaned_data
        try:
            account = wanted["account"] or find_account()
            measured, performance = performance_of(account=account, first=wanted["first"], last=wanted["last"])
        except ReportsError as error:
            return {"nothing": str(error)}
        return {
            "account": account,
            "measured": measured,
            "performance": performance,
            "tiles": figures.tiles(measured, performance),
            "rows": figures.as_rows(measured, performance),
            "curves": figures.curves(measured, performance),
        }

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """There is no page of a single row."""
        return None


def default_code() -> str:
    """Of the account that is traded; empty where it cannot be told."""
    account = broker.default_account()
    return account.code if account else ""
