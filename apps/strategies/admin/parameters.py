"""Parameters change only by writing a new revision."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.strategies import services
from apps.strategies.forms import RevisionForm
from apps.strategies.models import ParametersRevision
from tradeops.lib.admin import ModelAdmin


@admin.register(ParametersRevision)
class ParametersRevisionAdmin(ModelAdmin):
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
