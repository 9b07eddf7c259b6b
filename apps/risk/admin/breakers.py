"""The circuit breakers: what is open, since when, how long still, and how often it was."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.risk.admin.asking import ReasonForm, ask_page, require
from apps.risk.exceptions import RiskError
from apps.risk.models import Breaker, BreakerEvent
from apps.risk.services import breakers
from apps.risk.services.breakers import RESET
from tradeops.lib import clock, freshness
from tradeops.lib.admin import ReadOnlyAdmin, ReadOnlyInline
from tradeops.lib.people import person

ALL = ""


class ResetForm(ReasonForm):
    breaker = forms.ChoiceField(required=False)
    field_order = ("breaker", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Breaker.objects.values_list("name", flat=True)
        self.fields["breaker"] = forms.ChoiceField(
            choices=[(ALL, "All of them"), *((name, name) for name in names)], required=False
        )


class BreakerEventInline(ReadOnlyInline):
    model = BreakerEvent
    fields = ["at", "before", "after", "reason", "actor"]
    verbose_name_plural = "history, the newest first"


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    change_list_template = "admin/risk/breaker_list.html"
    list_display = [
        "name",
        "state",
        "state_since",
        "count",
        "countdown",
        "last_failure_at",
        "last_failure",
        "times_opened",
    ]
    list_filter = ["state"]
    search_fields = ["name", "last_failure"]
    inlines = [BreakerEventInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Breaker]:
        breakers.ensure_breakers()
        rows: QuerySet[Breaker] = super().get_queryset(request)
        return rows

    def get_urls(self) -> list[URLPattern]:
        return [path("reset/", self.admin_site.admin_view(self.reset), name="risk_breaker_reset"), *super().get_urls()]

    @admin.display(description="Failures in a row", ordering="failures")
    def count(self, row: Breaker) -> int:
        return row.failures

    @admin.display(description="One probe in")
    def countdown(self, row: Breaker) -> SafeString | str:
        left, at = row.countdown(clock.now()), row.admits_at
        if left is None or at is None:
            return "-"
        return format_html('<span data-counts-to="{}">{} s</span>', at.isoformat(), f"{left:.0f}")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {**(extra_context or {}), "may_reset": request.user.has_perm(RESET)}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def reset(self, request: HttpRequest) -> HttpResponse:
        require(request, RESET)
        if request.method == "POST" and (page := freshness.ask(request, "close a circuit breaker")):
            return page
        form = ResetForm(request.POST or None, initial={"breaker": request.GET.get("breaker", ALL)})
        if request.method == "POST" and form.is_valid() and self._reset(request, form.cleaned_data):
            return HttpResponseRedirect(reverse("admin:risk_breaker_changelist"))
        facts = [(str(row), row.last_failure or "no failure") for row in Breaker.objects.all()]
        return ask_page(
            request, self.admin_site, Breaker, title="Reset circuit breakers", facts=facts, form=form, button="Reset"
        )

    def _reset(self, request: HttpRequest, data: dict[str, str]) -> bool:
        user = person(request)
        try:
            if data["breaker"] == ALL:
                breakers.reset_all(reason=data["reason"], user=user)
            else:
                breakers.reset_breaker(name=data["breaker"], reason=data["reason"], user=user)
        except RiskError as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        self.message_user(request, f"{data['breaker'] or 'All circuit breakers'}: closed.", messages.SUCCESS)
        return True
