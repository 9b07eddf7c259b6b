from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apps.strategies import selectors
from apps.strategies.models import RebalanceAdvice
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(RebalanceAdvice)
class RebalanceAdviceAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "account", "trades_text", "buys", "sells", "cash_flow")
    list_filter = ("account",)
    date_hierarchy = "created_at"
    search_fields = ("account", "created_by", "trades__symbol")
    fields = (
        "trades",
        ("buys", "sells", "cash_flow"),
        "notes",
        ("account", "equity_text", "cash_text", "threshold_text"),
        ("signal", "snapshot", "snapshot_taken_at"),
        ("created_at", "created_by", "job_run"),
    )

    class Media:
        css = {"all": ("strategies/strategies.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[RebalanceAdvice]:
        return selectors.advice().select_related("signal", "snapshot__account")

    @admin.display(description="Trades")
    def trades(self, advice: RebalanceAdvice) -> SafeString:
        return render_to_string("admin/strategies/trades.html", {"advice": advice, "trades": advice.trades.all()})

    @admin.display(description="Advice")
    def trades_text(self, advice: RebalanceAdvice) -> str:
        told = ", ".join(str(trade) for trade in advice.trades.all()) or "nothing to trade"
        return f"{told} ({len(advice.warnings)} to note)" if advice.warnings else told

    @admin.display(description="Buys", ordering="buy_value")
    def buys(self, advice: RebalanceAdvice) -> str:
        return f"{advice.buy_count} for {money(advice, advice.buy_value)}" if advice.buy_count else "none"

    @admin.display(description="Sells", ordering="sell_value")
    def sells(self, advice: RebalanceAdvice) -> str:
        return f"{advice.sell_count} for {money(advice, advice.sell_value)}" if advice.sell_count else "none"

    @admin.display(description="Net cash flow", ordering="net_cash_flow")
    def cash_flow(self, advice: RebalanceAdvice) -> str:
        return f"{advice.net_cash_flow:+,.2f} {advice.currency}"

    @admin.display(description="Equity")
    def equity_text(self, advice: RebalanceAdvice) -> str:
        return money(advice, advice.equity)

    @admin.display(description="Cash")
    def cash_text(self, advice: RebalanceAdvice) -> str:
        return money(advice, advice.cash)

    @admin.display(description="Smallest difference")
    def threshold_text(self, advice: RebalanceAdvice) -> str:
        return f"{advice.threshold:.1%}"

    @admin.display(description="Notes")
    def notes(self, advice: RebalanceAdvice) -> SafeString | str:
        return format_html_join("", "<p>{}</p>", ((text,) for text in advice.warnings)) or "none"


def money(advice: RebalanceAdvice, amount: Decimal) -> str:
    return f"{amount:,.2f} {advice.currency}"
