"""Trades, what others did in our accounts, and what stops trading, to look at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from apps.broker.models import Closing, ExternalOrder, HoldingChange, Trade, TradingState, UnmatchedClosing
from tradeops.lib.admin import ReadOnlyAdmin, ReadOnlyInline

# An open trade may have been reduced a thousand times.
MOST_CLOSINGS = 100


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Trade]) -> QuerySet[Trade]:
        value = self.value()
        return queryset.filter(closed_at__isnull=value == "open") if value in ("open", "closed") else queryset


class NewestClosings(BaseInlineFormSet):  # type: ignore[type-arg] # not subscriptable
    def get_queryset(self) -> QuerySet[Closing]:
        # Asked for again for each form.
        if not hasattr(self, "_newest"):
            self._newest = super().get_queryset()[:MOST_CLOSINGS]
        return self._newest


class ClosingInline(ReadOnlyInline):
    model = Closing
    fields = [
        *("opened_at", "closed_at", "quantity", "entry_value", "exit_value", "commission", "net", "net_base"),
        *("entry_order", "exit_order"),
    ]
    ordering = ["-closed_at", "-id"]
    formset = NewestClosings

    def get_formset(self, request: HttpRequest, obj: Trade | None = None, **kwargs: Any) -> Any:
        count = obj.closings.count() if obj is not None else 0
        if count > MOST_CLOSINGS:
            self.verbose_name_plural = f"Closings: the newest {MOST_CLOSINGS}, and {count - MOST_CLOSINGS} more"
        return super().get_formset(request, obj, **kwargs)


@admin.register(Trade)
class TradeAdmin(ReadOnlyAdmin):
    list_display = [
        *("instrument", "account", "direction", "quantity", "open_quantity", "entry_price", "exit_price", "net_pnl"),
        *("currency", "net_pnl_base", "commissions", "commissions_known", "strategy", "opened_at", "closed_at"),
        "ending",
    ]
    list_filter = [StandingFilter, "direction", "account", "strategy", "ending"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol"]
    date_hierarchy = "opened_at"
    sortable_by = ["opened_at", "closed_at"]
    inlines = [ClosingInline]
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


@admin.register(ExternalOrder)
class ExternalOrderAdmin(ReadOnlyAdmin):
    """The inbox of what was done past TradeOps."""

    list_display = [
        *(
            "created_at",
            "account",
            "what",
            "purpose",
            "state",
            "filled",
            "average_fill_price",
            "requested_by",
            "reason",
        ),
        "perm_id",
    ]
    list_filter = ["state", "purpose", "account", "side"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol"]
    date_hierarchy = "created_at"
    sortable_by = ["created_at"]
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExternalOrder]:
        rows: QuerySet[ExternalOrder] = super().get_queryset(request).filter(is_external=True)
        return rows

    @admin.display(description="Order")
    def what(self, order: ExternalOrder) -> str:
        return str(order)

    @admin.display(description="Filled")
    def filled(self, order: ExternalOrder) -> str:
        return f"{_plain(order.filled_quantity)} of {_plain(order.quantity)}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its story is told where that of every order is."""
        if request.method in ("GET", "HEAD") and self.get_object(request, object_id) is not None:
            return HttpResponseRedirect(reverse("admin:broker_order_change", args=[object_id]))
        return super().change_view(request, object_id, form_url, extra_context)


@admin.register(HoldingChange)
class HoldingChangeAdmin(ReadOnlyAdmin):
    list_display = ["at", "account", "instrument", "kind", "quantity", "price", "reason", "actor", "created_at"]
    list_filter = ["kind", "account"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol", "reason"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(UnmatchedClosing)
class UnmatchedClosingAdmin(ReadOnlyAdmin):
    """What no trade's result can tell of, for want of a cost."""

    list_display = ["at", "account", "instrument", "quantity"]
    list_filter = ["account"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(TradingState)
class TradingStateAdmin(ReadOnlyAdmin):
    """Which sources say what of which scope; the most restrictive that applies to an order wins."""

    list_display = ["scope", "target", "source", "permission", "reason", "ending", "ends_at", "set_by", "set_at"]
    list_filter = ["permission", "scope", "source"]
    search_fields = ["target", "reason", "set_by"]


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
