"""Comparisons with the broker, what differs, and booking what nobody can explain."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.risk.admin.asking import ReasonForm, ask_page, require
from apps.risk.choices import BreakKind, BreakState, RunTrigger
from apps.risk.exceptions import RiskError
from apps.risk.models import Adoption, Break, OpeningBalance, ReconciliationRun
from apps.risk.services import breaks
from apps.risk.services.reconciliation import reconcile
from tradeops.lib import freshness
from tradeops.lib.admin import ReadOnlyAdmin
from tradeops.lib.people import person

RUN = "risk.run_reconciliation"


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    change_list_template = "admin/risk/reconciliation_list.html"
    list_display = [
        *("started_at", "account", "verdict", "positions_match", "orders_match", "executions_match"),
        *("account_matches", "trigger", "requested_by", "problem"),
    ]
    list_filter = ["trigger", "positions_match", "account"]
    list_select_related = ["account"]
    search_fields = ["problem", "requested_by"]
    date_hierarchy = "started_at"
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.run))
        return [path("run/", view, name="risk_reconciliationrun_run"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {**(extra_context or {}), "may_run": request.user.has_perm(RUN)}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def run(self, request: HttpRequest) -> HttpResponse:
        require(request, RUN)
        run = reconcile(trigger=RunTrigger.PERSON, requested_by=request.user.get_username())
        level = {True: messages.SUCCESS, False: messages.ERROR, None: messages.WARNING}[run.is_clean]
        self.message_user(request, f"Ledger and broker {run.verdict}. {run.problem}".strip(), level)
        return HttpResponseRedirect(reverse("admin:risk_reconciliationrun_changelist"))


@admin.register(Break)
class BreakAdmin(ReadOnlyAdmin):
    list_display = [
        *("title", "kind", "state", "account", "ledger_value", "broker_value", "first_seen_at", "last_seen_at"),
        *("book_link", "ended_at", "ended_by"),
    ]
    list_filter = ["state", "kind", "account"]
    list_select_related = ["account", "instrument"]
    search_fields = ["title", "subject", "ending"]
    date_hierarchy = "first_seen_at"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.book)
        return [path("<int:pk>/book/", view, name="risk_break_book"), *super().get_urls()]

    @admin.display(description="Correction")
    def book_link(self, row: Break) -> SafeString | str:
        if row.state != BreakState.OPEN or row.kind != BreakKind.POSITION:
            return "-"
        return format_html('<a href="{}">Preview and book</a>', reverse("admin:risk_break_book", args=[row.pk]))

    def book(self, request: HttpRequest, pk: int) -> HttpResponse:
        require(request, breaks.BOOK)
        row = Break.objects.select_related("account", "instrument").filter(pk=pk).first()
        if row is None:
            raise Http404
        back = HttpResponseRedirect(reverse("admin:risk_break_changelist"))
        try:
            proposal = breaks.propose(row)
        except RiskError as error:
            self.message_user(request, str(error), messages.ERROR)
            return back
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            # What is booked is no break any more: the instrument is not locked by it either.
            if page := freshness.ask(request, "book a correction"):
                return page
            self._book(request, row, form.cleaned_data["reason"])
            return back
        facts = [
            ("What differs", row.title),
            ("Since", f"{row.first_seen_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("Ledger before", f"{proposal.before:f}"),
            ("Correction", f"{proposal.change:+f}"),
            ("Ledger after, as at the broker", f"{proposal.after:f}"),
            ("Orders", "None: nothing is sent to the broker."),
            ("Better", breaks.remedy(row)),
        ]
        return ask_page(
            request, self.admin_site, Break, title=f"Book {proposal.instrument}", facts=facts, form=form, button="Book"
        )

    def _book(self, request: HttpRequest, row: Break, reason: str) -> None:
        user = person(request)
        try:
            breaks.book_correction(break_id=row.pk, reason=reason, user=user)
        except RiskError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"Booked: {row.title}.", messages.SUCCESS)


@admin.register(OpeningBalance)
class OpeningBalanceAdmin(ReadOnlyAdmin):
    list_display = ["instrument", "account", "quantity", "average_cost", "at"]
    list_filter = ["account"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol"]


@admin.register(Adoption)
class AdoptionAdmin(ReadOnlyAdmin):
    list_display = ["account", "at", "positions"]
    list_select_related = ["account"]
