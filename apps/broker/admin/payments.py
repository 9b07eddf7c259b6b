"""Payments into and out of accounts: booked and removed, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.broker import services
from apps.broker.forms import CashFlowForm
from apps.broker.models import CashFlow
from tradeops.lib import clock, freshness
from tradeops.lib.admin import ModelAdmin


@admin.register(CashFlow)
class CashFlowAdmin(ModelAdmin):
    """A wrong payment is deleted and booked anew: the journal keeps both. As it moves what losses are measured by, both
    ask for the password."""

    form = CashFlowForm
    list_display = ("arrived_at", "account", "amount", "currency", "note", "created_by", "created_at")
    list_filter = ("account",)
    list_select_related = ("account",)
    search_fields = ("note", "account__code")
    date_hierarchy = "arrived_at"
    fields = ("account", "arrived_at", "amount", "currency", "note")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Links may fill the form in; a moment that cannot be read is left to the person."""
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        try:
            given["arrived_at"] = datetime.fromisoformat(given["arrived_at"])
        except (KeyError, ValueError):
            given.pop("arrived_at", None)
        return given

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if (
            request.method == "POST"
            and self.has_add_permission(request)
            and (page := freshness.ask(request, "book a payment"))
        ):
            return page
        answer: HttpResponse = super().add_view(request, form_url, extra_context)
        return answer

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if (
            request.method == "POST"
            and self.has_delete_permission(request)
            and (page := freshness.ask(request, "remove a payment"))
        ):
            return page
        answer: HttpResponse = super().delete_view(request, object_id, extra_context)
        return answer

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """An action here removes payments."""
        if (
            request.method == "POST"
            and self.has_delete_permission(request)
            and (page := freshness.ask(request, "remove payments"))
        ):
            return page
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CashFlow, form: CashFlowForm, change: bool) -> None:
        booked = services.book_cash_flow(
            account=obj.account,
            arrived_at=obj.arrived_at,
            amount=obj.amount,
            currency=obj.currency,
            note=obj.note,
            now=clock.now(),
            actor=request.user.get_username(),
        )
        obj.pk = booked.pk

    def delete_model(self, request: HttpRequest, obj: CashFlow) -> None:
        services.remove_cash_flow(flow=obj, actor=request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CashFlow]) -> None:
        for flow in queryset.select_related("account"):
            services.remove_cash_flow(flow=flow, actor=request.user.get_username())
