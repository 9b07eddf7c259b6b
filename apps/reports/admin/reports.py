"""The stored PDFs: list, download, make."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import get_valid_filename

from apps.broker.models import Account
from apps.reports import services
from apps.reports.choices import ReportKind
from apps.reports.domain import periods
from apps.reports.domain.periods import Period
from apps.reports.exceptions import DamagedReport, ReportsError, UnknownAccount
from apps.reports.forms import MakeReportForm
from apps.reports.models import Report
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.stored import content_of
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin

MAKE_REPORT = "reports.make_report"


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    change_list_template = "admin/reports/report_list.html"
    list_display = ("period", "kind", "account", "revision", "download_link", "created_at", "created_by")
    list_filter = ("kind", "account")
    list_select_related = ("account",)
    search_fields = ("period", "account__code", "created_by", "sha256")
    date_hierarchy = "last_date"
    actions = ("make_again",)
    fields = (
        "download_link",
        *("period", "kind", "first_date", "last_date", "account", "revision"),
        *("size_text", "sha256", "created_at", "created_by", "job_run"),
    )
    readonly_fields = ("download_link", "size_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        reports: QuerySet[Report] = super().get_queryset(request)
        return reports.defer("content")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("make/", wrap(self.make), name="reports_report_make"),
            path("<int:pk>/download/", wrap(self.download), name="reports_report_download"),
            *super().get_urls(),
        ]

    @admin.display(description="PDF")
    def download_link(self, report: Report) -> SafeString:
        address = reverse("admin:reports_report_download", args=[report.pk])
        return format_html('<a href="{}">{}</a>', address, report.file_name)

    @admin.display(description="Size", ordering="size")
    def size_text(self, report: Report) -> str:
        return f"{report.size / 1024:,.0f} KiB"

    def has_make_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(MAKE_REPORT)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"may_make": self.has_make_permission(request), "any_report": Report.objects.exists()}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        report = Report.objects.select_related("account").filter(pk=pk).first()
        if report is None:
            raise Http404(f"There is no report {pk}.")
        try:
            content = content_of(report)
        except DamagedReport as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:reports_report_changelist"))
        return HttpResponse(
            content,
            content_type="application/pdf",
            headers={
                "Content-Disposition": f'attachment; filename="{get_valid_filename(report.file_name)}"',
                "Content-Length": str(len(content)),
                "X-Content-Type-Options": "nosniff",
            },
        )

    def make(self, request: HttpRequest) -> HttpResponse:
        """The form that makes a report of any period."""
        if not self.has_make_permission(request):
            raise PermissionDenied
        form = MakeReportForm(request.POST if request.method == "POST" else None, initial=first_guess())
        if form.is_valid() and self._made(request, form.cleaned_data["account"], form.cleaned_data["period"]):
            return HttpResponseRedirect(reverse("admin:reports_report_changelist"))
        context = {**self.admin_site.each_context(request), "form": form, "opts": self.opts, "title": "Make report"}
        return TemplateResponse(request, "admin/reports/make_report.html", context)

    @admin.action(description="Make report again (a new revision)", permissions=["make"])
    def make_again(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        chosen = {(report.account, periods.parse(ReportKind(report.kind), report.period)) for report in queryset}
        for account, period in sorted(chosen, key=lambda pair: (pair[0].code, pair[1].first)):
            self._made(request, account, period)

    def _made(self, request: HttpRequest, account: Account, period: Period) -> bool:
        actor = request.user.get_username()
        try:
            report = services.make_report(account=account, period=period, now=clock.now(), created_by=actor)
        except ReportsError as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        address = reverse("admin:reports_report_download", args=[report.pk])
        made = format_html('Made {}. <a href="{}">Download {}</a>', report, address, report.file_name)
        self.message_user(request, made, messages.SUCCESS)
        return True


def first_guess() -> dict[str, Any]:
    """The week that runs, of the account that is traded."""
    week = periods.week_of(clock.now().date())
    guess: dict[str, Any] = {"kind": week.kind, "period": week.label}
    try:
        return {**guess, "account": find_account()}
    except UnknownAccount:
        return guess
