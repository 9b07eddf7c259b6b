from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.risk.models import OrderOverride, OrderVerdict
from tradeops.lib.admin import ReadOnlyAdmin

WITHIN = "Within all limits."


@admin.register(OrderVerdict)
class OrderVerdictAdmin(ReadOnlyAdmin):
    list_display = ("at", "order", "outcome", "first_reason", "asked_by")
    list_filter = ("is_approved",)
    list_select_related = ("order__instrument",)
    search_fields = ("order__instrument__symbol", "order__strategy", "asked_by")
    date_hierarchy = "at"
    list_per_page = 50
    fields = ("order", "at", "outcome", "why", "asked_by", "what_it_saw")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @admin.display(description="Verdict", ordering="is_approved")
    def outcome(self, verdict: OrderVerdict) -> str:
        return "Approved" if verdict.is_approved else "Denied"

    @admin.display(description="Why")
    def first_reason(self, verdict: OrderVerdict) -> str:
        more = len(verdict.reasons) - 1
        if more < 0:
            return "Let pass beyond its limits." if verdict.saw.get("let_pass") else WITHIN
        return f"{verdict.reasons[0]['sentence']}{f' And {more} more.' if more else ''}"

    @admin.display(description="Why")
    def why(self, verdict: OrderVerdict) -> SafeString | str:
        let_pass = verdict.saw.get("let_pass", [])
        if not verdict.reasons and not let_pass:
            return WITHIN
        rows = [(reason["code"], reason["sentence"]) for reason in verdict.reasons]
        rows += [(reason["code"], f"{reason['sentence']} A person let it pass.") for reason in let_pass]
        return format_html("<ul>{}</ul>", format_html_join("", "<li><code>{}</code> {}</li>", rows))

    @admin.display(description="What was seen")
    def what_it_saw(self, verdict: OrderVerdict) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(verdict.saw, indent=2, ensure_ascii=False))


@admin.register(OrderOverride)
class OrderOverrideAdmin(ReadOnlyAdmin):
    change_list_template = "admin/risk/told_list.html"
    empty_text = "No order was let pass beyond its limits. It is done on the page of a denied order, by its button."
    list_display = ("granted_at", "order", "beyond", "granted_by", "reason", "expires_at")
    list_select_related = ("order__instrument", "granted_by")
    search_fields = ("order__instrument__symbol", "granted_by__username", "reason")
    date_hierarchy = "granted_at"
    list_per_page = 50
    fields = ("order", "denied", "beyond", "reason", "granted_by", "granted_at", "expires_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    @admin.display(description="Beyond")
    def beyond(self, override: OrderOverride) -> str:
        return ", ".join(override.codes)
