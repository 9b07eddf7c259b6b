from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from apps.strategies.bars import momentum_bars
from apps.strategies.models import MomentumSignal
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(MomentumSignal)
class MomentumSignalAdmin(ReadOnlyAdmin):
    list_display = ("signal_date", "created_at", "selected", "revision", "created_by")
    list_filter = ("top_n",)
    date_hierarchy = "signal_date"
    list_select_related = ("revision",)
    search_fields = ("created_by", "rows__symbol")
    fields = (
        "ranking",
        ("signal_date", "created_at"),
        ("created_by", "job_run"),
        ("revision", "top_n"),
        ("held_before", "incumbents_from"),
    )

    class Media:
        css = {"all": ("strategies/strategies.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[MomentumSignal]:
        signals: QuerySet[MomentumSignal] = super().get_queryset(request)
        return signals.prefetch_related("rows")

    @admin.display(description="Selected")
    def selected(self, signal: MomentumSignal) -> str:
        chosen = [f"{row.symbol} {row.target_weight:.1%}" for row in signal.rows.all() if row.is_selected]
        return ", ".join(chosen) or "cash"

    @admin.display(description="Held before")
    def held_before(self, signal: MomentumSignal) -> str:
        return ", ".join(signal.incumbents) or "none"

    @admin.display(description="Ranking")
    def ranking(self, signal: MomentumSignal) -> SafeString:
        bars = momentum_bars(list(signal.rows.all()))
        return render_to_string("admin/strategies/ranking.html", {"bars": bars})
