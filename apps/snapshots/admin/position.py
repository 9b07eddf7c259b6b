"""The position snapshots: list, single row, and the path of a trade."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.broker import selectors as broker
from apps.broker.models import Instrument, Trade
from apps.snapshots import selectors
from apps.snapshots.models import PositionSnapshot
from apps.snapshots.wording import UNKNOWN, days, money, percent, price
from tradeops.lib.admin import ReadOnlyAdmin

MOST_CHOICES = 100
LONGEST_PATH = 1000


class SymbolFilter(admin.SimpleListFilter):
    title = "symbol"
    parameter_name = "symbol"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        captured = PositionSnapshot.objects.filter(instrument=OuterRef("pk"))
        options = Instrument.objects.filter(Exists(captured), sec_type__in=broker.OPTION_TYPES)
        symbols = options.order_by("symbol").values_list("symbol", flat=True).distinct()
        return [(symbol, symbol) for symbol in symbols[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PositionSnapshot]) -> QuerySet[PositionSnapshot]:
        return queryset.filter(instrument__symbol=self.value()) if self.value() else queryset


class TradeFilter(admin.SimpleListFilter):
    """The open trades to choose from; a link may name any."""

    title = "trade"
    parameter_name = "trade"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(trade.pk), str(trade)) for trade in broker.open_option_trades()[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PositionSnapshot]) -> QuerySet[PositionSnapshot]:
        value = self.value() or ""
        return (
            queryset.filter(trade=int(value)) if value.isascii() and value.isdigit() and len(value) < 19 else queryset
        )


class GapsFilter(admin.SimpleListFilter):
    title = "completeness"
    parameter_name = "gaps"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "Complete"), ("some", "Something is unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PositionSnapshot]) -> QuerySet[PositionSnapshot]:
        if self.value() == "none":
            return queryset.filter(missing_count=0)
        return queryset.filter(missing_count__gt=0) if self.value() == "some" else queryset


@admin.register(PositionSnapshot)
class PositionSnapshotAdmin(ReadOnlyAdmin):
    change_list_template = "admin/snapshots/position_list.html"
    list_display = (
        *("snapshot_date", "path_link", "pnl", "pnl_share", "dte", "distance", "gaps", "greeks", "premium", "stock"),
        "account",
    )
    # No date hierarchy: it reads every row to name the years, of what may be a million.
    list_filter = ("snapshot_date", SymbolFilter, TradeFilter, GapsFilter, "account")
    list_select_related = ("instrument", "account")
    search_fields = ("instrument__symbol", "instrument__local_symbol")
    sortable_by = ("snapshot_date",)
    show_facets = admin.ShowFacets.NEVER
    fieldsets = (
        (None, {"fields": ("path_link", "trade", "account", "snapshot_date", "captured_at", "job_run")}),
        ("Position", {"fields": ("current_premium", "price_source", "pnl", "pnl_share", "dte")}),
        ("Greeks", {"fields": ("delta", "theta", "gamma", "vega", "iv")}),
        ("Market", {"fields": ("underlying", "stock_price", "stock_price_source", "distance", "vix", "spy_price")}),
        ("What is unknown, and why", {"fields": ("why", "note")}),
    )
    readonly_fields = ("path_link", "pnl", "pnl_share", "dte", "distance", "why")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"any_snapshot": PositionSnapshot.objects.exists()}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.path_view)
        return [path("trade/<int:pk>/", view, name="snapshots_positionsnapshot_path"), *super().get_urls()]

    @admin.display(description="P&L")
    def pnl(self, row: PositionSnapshot) -> str:
        return money(row.current_pnl, row.instrument.currency)

    @admin.display(description="P&L %")
    def pnl_share(self, row: PositionSnapshot) -> str:
        return percent(row.current_pnl_pct)

    @admin.display(description="DTE")
    def dte(self, row: PositionSnapshot) -> str:
        return days(row.dte_remaining)

    @admin.display(description="Distance")
    def distance(self, row: PositionSnapshot) -> str:
        return percent(row.distance_to_strike_pct)

    @admin.display(description="Premium")
    def premium(self, row: PositionSnapshot) -> str:
        return price(row.current_premium)

    @admin.display(description="Stock")
    def stock(self, row: PositionSnapshot) -> str:
        return price(row.stock_price)

    @admin.display(description="Delta, IV")
    def greeks(self, row: PositionSnapshot) -> str:
        delta = UNKNOWN if row.delta is None else f"{row.delta:+.2f}"
        return f"{delta}, {UNKNOWN if row.iv is None else f'{100 * row.iv:.1f} %'}"

    @admin.display(description="Unknown", ordering="missing_count")
    def gaps(self, row: PositionSnapshot) -> str:
        return f"{row.missing_count} fields" if row.missing_count else "-"

    @admin.display(description="Why")
    def why(self, row: PositionSnapshot) -> str:
        return selectors.explain(row) or "Nothing is unknown."

    @admin.display(description="Option and its path", ordering="instrument")
    def path_link(self, row: PositionSnapshot) -> SafeString | str:
        if row.trade_id is None:
            return str(row.instrument)
        address = reverse("admin:snapshots_positionsnapshot_path", args=[row.trade_id])
        return format_html('<a href="{}">{}</a>', address, row.instrument)

    def path_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How one trade went, day by day."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        trade = Trade.objects.select_related("instrument", "account").filter(pk=pk).first()
        if trade is None:
            raise Http404(f"There is no trade {pk}.")
        rows = list(selectors.path_of(trade).select_related("instrument").order_by("-snapshot_date")[:LONGEST_PATH])[
            ::-1
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Path of {trade.instrument}",
            "opts": self.opts,
            "trade": trade,
            "rows": [self._path_row(row) for row in reversed(rows)],
            "curves": selectors.path_curves(rows) if rows else None,
        }
        return TemplateResponse(request, "admin/snapshots/path.html", context)

    def _path_row(self, row: PositionSnapshot) -> dict[str, str | int]:
        cells = ("pnl", "pnl_share", "dte", "distance", "premium", "stock", "greeks", "gaps")
        return {
            "day": row.snapshot_date.isoformat(),
            "pk": row.pk,
            **{name: getattr(self, name)(row) for name in cells},
        }
