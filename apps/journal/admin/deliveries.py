"""Which notices were sent where, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from apps.journal.admin.words import delivery_pill
from apps.journal.models import Delivery
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    change_list_template = "admin/journal/delivery_list.html"
    list_display = ("created_at", "subject", "place", "state_word", "attempts", "status_code", "error", "delivered_at")
    list_display_links = ("subject",)
    list_filter = ("state", "severity", "place")
    search_fields = ("subject", "body", "place", "error")
    date_hierarchy = "created_at"
    list_per_page = 50
    fields = (
        *("subject", "body", "severity", "place", "incident"),
        *("state_word", "created_at", "attempts", "next_attempt_at", "delivered_at", "status_code", "error"),
    )
    readonly_fields = ("state_word",)

    @admin.display(description="State", ordering="state")
    def state_word(self, delivery: Delivery) -> SafeString:
        return delivery_pill(delivery)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"title": "Notices", "any_delivery": Delivery.objects.exists()}
        return super().changelist_view(request, {**more, **(extra_context or {})})
