"""People, roles, tokens and the journal in the control room."""

from __future__ import annotations

from django.contrib import admin

from apps.console.log_admin import LogFileAdmin
from apps.console.models import ApiToken
from apps.console.trading.emergency_admin import EmergencyRunAdmin
from apps.console.trading.order_admin import OrderAdmin
from apps.journal.models import Event
from tradeops.lib.admin import ReadOnlyAdmin

__all__ = ["ApiTokenAdmin", "EmergencyRunAdmin", "EventAdmin", "LogFileAdmin", "OrderAdmin"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("number", "at", "level", "step", "symbol", "message")
    list_filter = ("level", "scope")
    search_fields = ("symbol", "step", "message")
    search_help_text = "Symbol, step or message"
    list_per_page = 50
    show_full_result_count = False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "role", "person", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("role",)
    list_select_related = ("person",)
    exclude = ("digest",)
