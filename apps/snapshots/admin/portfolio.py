from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition


class ReadOnly:
    """A record of what was: nobody edits it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PositionInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg] # not subscriptable
    model = SnapshotPosition
    fields = (
        "symbol",
        "instrument",
        "quantity",
        "avg_cost",
        "market_price",
        "market_value",
        "unrealized_pnl",
        "currency",
        "base_value",
        "price_source",
        "priced_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SnapshotPosition]:
        positions: QuerySet[SnapshotPosition] = super().get_queryset(request)
        return positions.select_related("instrument")


@admin.register(PortfolioSnapshot)
class PortfolioSnapshotAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    list_display = ("date", "account", "total_equity", "cash", "currency", "position_count", "sources", "taken_at")
    list_filter = ("account",)
    date_hierarchy = "date"
    list_select_related = ("account",)
    inlines = (PositionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PortfolioSnapshot]:
        snapshots: QuerySet[PortfolioSnapshot] = super().get_queryset(request)
        return snapshots.annotate(position_total=Count("positions")).prefetch_related("positions")

    @admin.display(description="Positions", ordering="position_total")
    def position_count(self, snapshot: Any) -> int:
        return int(snapshot.position_total)

    @admin.display(description="Prices from")
    def sources(self, snapshot: PortfolioSnapshot) -> str:
        return ", ".join(sorted({position.price_source for position in snapshot.positions.all()})) or "-"
