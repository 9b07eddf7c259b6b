"""The broker's picture, to look at. Nothing here can be changed: it is what IB says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.broker.models import (
    Account,
    AccountPnl,
    AccountValue,
    BrokerOrder,
    Commission,
    EquityPoint,
    Execution,
    GatewaySession,
    Instrument,
    LiveUnlock,
    Position,
    Request,
)
from tradeops.lib.admin import ReadOnlyAdmin, ReadOnlyInline


class AccountValueInline(ReadOnlyInline):
    model = AccountValue
    fields = ["tag", "value", "currency", "as_of"]


class AccountPnlInline(ReadOnlyInline):
    model = AccountPnl
    fields = ["daily", "unrealized", "realized", "as_of"]


class CommissionInline(ReadOnlyInline):
    model = Commission
    fields = ["amount", "currency", "realized_pnl", "as_of"]


@admin.register(GatewaySession)
class GatewaySessionAdmin(ReadOnlyAdmin):
    list_display = [
        *("state", "reason", "mode", "host", "port", "trading_link_up", "data_link_up"),
        *("state_since", "heartbeat_at", "synchronised_at", "lines_in_use", "queue_depth", "decode_errors"),
    ]


@admin.register(LiveUnlock)
class LiveUnlockAdmin(ReadOnlyAdmin):
    list_display = [
        "unlocked_at",
        "unlocked_by",
        "reason",
        "confirmed_by",
        "confirmed_at",
        "is_active",
        "revoked_by",
        "revoked_at",
    ]
    list_filter = ["is_active"]
    list_select_related = ["unlocked_by", "confirmed_by", "revoked_by"]
    date_hierarchy = "unlocked_at"


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["code", "mode", "base_currency", "net_liquidation", "cash", "daily_pnl", "as_of"]
    list_filter = ["mode"]
    inlines = [AccountPnlInline, AccountValueInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("pnl").prefetch_related("values")

    @admin.display(description="Net liquidation")
    def net_liquidation(self, account: Account) -> str | None:
        return _value(account, "NetLiquidation")

    @admin.display(description="Cash")
    def cash(self, account: Account) -> str | None:
        return _value(account, "TotalCashValue")

    @admin.display(description="Profit and loss today")
    def daily_pnl(self, account: Account) -> Any:
        pnl = getattr(account, "pnl", None)
        return pnl.daily if pnl else None


def _value(account: Account, tag: str) -> str | None:
    found = (row for row in account.values.all() if row.tag == tag and row.currency == account.base_currency)
    return next((row.value for row in found), None)


@admin.register(AccountValue)
class AccountValueAdmin(ReadOnlyAdmin):
    list_display = ["account", "tag", "value", "currency", "as_of"]
    list_filter = ["account", "currency"]
    list_select_related = ["account"]
    search_fields = ["tag"]


@admin.register(EquityPoint)
class EquityPointAdmin(ReadOnlyAdmin):
    list_display = ["at", "account", "net_liquidation", "cash", "daily_pnl", "currency"]
    list_filter = ["account"]
    list_select_related = ["account"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(Instrument)
class InstrumentAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "local_symbol", "sec_type", "currency", "exchange", "long_name", "expires_on", "con_id"]
    list_filter = ["sec_type", "currency"]
    search_fields = ["symbol", "local_symbol", "long_name", "con_id"]


class HeldFilter(admin.SimpleListFilter):
    """What is held, unless closed positions are asked for."""

    title = "held"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "Closed ones too")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() == "all" else queryset.exclude(quantity=0)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = [
        *("instrument", "account", "quantity", "average_cost", "market_price", "price_source", "market_value"),
        *("unrealized_pnl", "realized_pnl", "as_of", "priced_at"),
    ]
    list_filter = ["account", HeldFilter, "instrument__sec_type"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol", "instrument__local_symbol"]


@admin.register(BrokerOrder)
class BrokerOrderAdmin(ReadOnlyAdmin):
    list_display = [
        *("instrument", "account", "side", "quantity", "order_type", "limit_price", "aux_price", "status", "is_open"),
        *("filled", "remaining", "average_fill_price", "client_id", "order_id", "perm_id", "first_seen_at", "as_of"),
    ]
    list_filter = ["is_open", "status", "side", "account", "order_type"]
    list_select_related = ["account", "instrument"]
    search_fields = ["instrument__symbol", "order_ref", "perm_id"]
    date_hierarchy = "first_seen_at"


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = [
        *("executed_at", "instrument", "account", "side", "quantity", "price", "commission", "exchange"),
        *("is_current", "order_ref", "client_id", "perm_id", "exec_id"),
    ]
    list_filter = ["is_current", "side", "account"]
    list_select_related = ["account", "instrument", "commission"]
    search_fields = ["instrument__symbol", "order_ref", "exec_id", "perm_id"]
    date_hierarchy = "executed_at"
    inlines = [CommissionInline]
    show_full_result_count = False


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "state", "requested_by", "priority", "deadline", "answered_at", "reason"]
    list_filter = ["kind", "state"]
    search_fields = ["requested_by", "reason"]
    date_hierarchy = "created_at"
    show_full_result_count = False
