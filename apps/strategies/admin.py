"""Signals, advice and price series to read; parameters to change only by writing a new revision."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.strategies import services
from apps.strategies.bars import momentum_bars
from apps.strategies.forms import RevisionForm
from apps.strategies.models import AdvisedTrade, MomentumSignal, ParametersRevision, PriceSeries, RebalanceAdvice


class ReadOnly:
    """A record of what was: nobody edits it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MomentumSignal)
class MomentumSignalAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    list_display = ("signal_date", "created_at", "selected", "top_n", "revision", "created_by", "job_run")
    list_filter = ("top_n",)
    date_hierarchy = "signal_date"
    list_select_related = ("revision",)
    fields = (
        "ranking",
        "signal_date",
        "created_at",
        "created_by",
        "job_run",
        "revision",
        "top_n",
        "held_before",
        "incumbents_from",
    )

    class Media:
        css = {"all": ("strategies/ranking.css",)}

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


class TradeInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg] # not subscriptable
    model = AdvisedTrade
    fields = (
        "action",
        "symbol",
        "line",
        "shares",
        "price",
        "currency",
        "price_source",
        "value",
        "now",
        "target",
        "reason",
    )
    readonly_fields = ("now", "target")

    @admin.display(description="Weight now")
    def now(self, trade: AdvisedTrade) -> str:
        return f"{trade.current_weight:.1%}"

    @admin.display(description="Target")
    def target(self, trade: AdvisedTrade) -> str:
        return f"{trade.target_weight:.1%}"


@admin.register(RebalanceAdvice)
class RebalanceAdviceAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    list_display = (
        "created_at",
        "account",
        "signal",
        "buy_count",
        "sell_count",
        "buy_value",
        "sell_value",
        "net_cash_flow",
        "currency",
        "has_warnings",
    )
    list_filter = ("account",)
    date_hierarchy = "created_at"
    list_select_related = ("signal",)
    inlines = (TradeInline,)
    fieldsets = (
        (None, {"fields": ("created_at", "created_by", "job_run", "signal", "snapshot", "snapshot_taken_at")}),
        ("Account", {"fields": ("account", "currency", "equity", "cash", "threshold")}),
        ("Sums", {"fields": ("buy_count", "sell_count", "buy_value", "sell_value", "net_cash_flow")}),
        ("Notes", {"fields": ("notes",)}),
    )

    @admin.display(description="Notes", boolean=True)
    def has_warnings(self, advice: RebalanceAdvice) -> bool:
        return bool(advice.warnings)

    @admin.display(description="Notes")
    def notes(self, advice: RebalanceAdvice) -> SafeString | str:
        return format_html_join("", "<p>{}</p>", ((text,) for text in advice.warnings)) or "-"


@admin.register(ParametersRevision)
class ParametersRevisionAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    list_display = ("number", "strategy", "is_active", "reason", "created_by", "created_at", "activated_at")
    list_filter = ("strategy", "is_active")
    search_fields = ("reason", "created_by")
    actions = ("activate",)
    shown = (
        "strategy",
        "number",
        "parameters",
        "reason",
        "created_by",
        "created_at",
        "is_active",
        "activated_by",
        "activated_at",
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return RevisionForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown if obj else list(RevisionForm.base_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: ParametersRevision, form: RevisionForm, change: bool) -> None:
        revision = services.create_revision(
            values=form.parameters(),
            reason=form.cleaned_data["reason"],
            actor=request.user.get_username(),
            activate=form.cleaned_data["activate"],
        )
        obj.pk, obj.number, obj.strategy = revision.pk, revision.number, revision.strategy

    @admin.display(description="Parameters")
    def parameters(self, revision: ParametersRevision) -> SafeString:
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", revision.values.items()))

    @admin.action(description="Put in force", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ParametersRevision]) -> None:
        chosen = list(queryset)
        if len(chosen) != 1:
            self.message_user(request, "Choose exactly one revision to put in force.", messages.ERROR)
            return
        revision = services.activate_revision(revision=chosen[0], actor=request.user.get_username())
        self.message_user(request, f"{revision} are in force.", messages.SUCCESS)


@admin.register(PriceSeries)
class PriceSeriesAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
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
