"""Receipts of halts, resumes, cancel-alls and close-alls in the control room."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.broker.choices import EmergencyState
from apps.broker.models import EmergencyRun
from apps.console.trading import receipt_view
from apps.console.trading.order_admin import read_uuid
from apps.risk.services.emergency_receipts import orders_of
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(EmergencyRun)
class EmergencyRunAdmin(ReadOnlyAdmin):
    change_list_template = "console/orders/order_list.html"
    list_display = ("what", "state_tag", "reason", "actor", "came_by", "requested_at", "ended_at", "problem")
    list_display_links = ("what",)
    list_filter = ("kind", "state", "scope")
    search_fields = ("reason", "actor", "target", "problem")
    date_hierarchy = "requested_at"
    sortable_by = ("requested_at",)
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(self.live)
        return [path("<uuid:pk>/live/", live, name="broker_emergencyrun_live"), *super().get_urls()]

    @admin.display(description="Action")
    def what(self, run: EmergencyRun) -> str:
        return receipt_view.title_of(run)

    @admin.display(description="State", ordering="state")
    def state_tag(self, run: EmergencyRun) -> SafeString:
        tone = receipt_view.TONES.get(EmergencyState(run.state), "calm")
        return format_html('<span class="tag tag-{}">{}</span>', tone, run.get_state_display())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        base = {**self.admin_site.each_context(request), "opts": self.opts}
        context = {**base, **context_of(find(read_uuid(object_id)))}
        return TemplateResponse(request, "console/emergency/receipt.html", context)

    def live(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Whether the page still shows the receipt as it is, for the page to ask."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = find(pk)
        body = {"version": receipt_view.version_of(run, orders_of(pk)), "goes_on": receipt_view.is_running(run)}
        return JsonResponse(body, headers={"Cache-Control": "no-store"})


def context_of(run: EmergencyRun) -> dict[str, Any]:
    orders = orders_of(run.pk)
    return {**receipt_view.context_of(run), "orders": orders, "version": receipt_view.version_of(run, orders)}


def find(pk: UUID | None) -> EmergencyRun:
    run = EmergencyRun.objects.filter(pk=pk).first() if pk else None
    if run is None:
        raise Http404("There is no such receipt.")
    return run
