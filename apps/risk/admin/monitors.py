"""What losses are measured against, and what went beyond a limit."""

from __future__ import annotations

from django.contrib import admin

from apps.risk.models import DayBaseline, EquityWatch, LimitBreach, UnexplainedChange
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(LimitBreach)
class LimitBreachAdmin(ReadOnlyAdmin):
    list_display = [
        *("sentence", "rule", "scope", "target", "permission", "ending", "ends_at"),
        *("opened_at", "ended_at", "released_by"),
    ]
    list_filter = ["rule", "account"]
    list_select_related = ["account"]
    search_fields = ["sentence", "target"]
    date_hierarchy = "opened_at"


@admin.register(DayBaseline)
class DayBaselineAdmin(ReadOnlyAdmin):
    list_display = ["date", "account", "equity", "currency", "source", "taken_at"]
    list_filter = ["account"]
    list_select_related = ["account"]
    date_hierarchy = "date"


@admin.register(EquityWatch)
class EquityWatchAdmin(ReadOnlyAdmin):
    list_display = ["account", "peak", "peak_at", "equity", "known_at", "implied_start", "pnl_seen"]
    list_select_related = ["account"]


@admin.register(UnexplainedChange)
class UnexplainedChangeAdmin(ReadOnlyAdmin):
    """Perhaps payments that nobody has booked."""

    list_display = ["date", "account", "amount", "currency", "first_seen_at", "last_seen_at", "settled_at"]
    list_filter = ["account"]
    list_select_related = ["account"]
    date_hierarchy = "date"
