"""What people say about a month: written once more, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.reports import services
from apps.reports.models import Commentary
from tradeops.lib import clock
from tradeops.lib.admin import ModelAdmin


@admin.register(Commentary)
class CommentaryAdmin(ModelAdmin):
    """The newest of a month counts; earlier ones stay."""

    list_display = ("month", "account", "created_by", "created_at")
    list_filter = ("account",)
    list_select_related = ("account",)
    search_fields = ("month", "text", "account__code")
    fields = ("account", "month", "text")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Commentary, form: Any, change: bool) -> None:
        written = services.write_commentary(
            account=obj.account, month=obj.month, text=obj.text, now=clock.now(), actor=request.user.get_username()
        )
        obj.pk = written.pk
