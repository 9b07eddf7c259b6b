from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest

from apps.strategies.models import PriceSeries
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(PriceSeries)
class PriceSeriesAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "currency", "days", "first_day", "last_day", "checked_at", "restated_at", "con_id")
    list_filter = ("currency",)
    search_fields = ("symbol", "long_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceSeries]:
        series: QuerySet[PriceSeries] = super().get_queryset(request)
        return series.annotate(day_count=Count("bars"), first=Min("bars__date"), last=Max("bars__date"))

    @admin.display(description="Days", ordering="day_count")
    def days(self, series: Any) -> int:
        return int(series.day_count)

    @admin.display(description="First", ordering="first")
    def first_day(self, series: Any) -> str:
        return series.first.isoformat() if series.first else "-"

    @admin.display(description="Last", ordering="last")
    def last_day(self, series: Any) -> str:
        return series.last.isoformat() if series.last else "-"
