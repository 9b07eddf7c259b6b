"""A page that shows what will be done, asks for the reason, and then calls one service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse

TEMPLATE = "admin/risk/ask.html"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=400, widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept for ever with who did it."
    )


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied(f"This needs the permission {permission}: an administrator grants it.")


def ask_page(
    request: HttpRequest, site: AdminSite, model: type[Model], *, title: str, facts: list[tuple[str, str]],
    form: forms.Form, button: str,
) -> TemplateResponse:  # fmt: skip
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": title,
        "opts": model._meta,
        "facts": facts,
        "form": form,
        "button": button,
    }
    return TemplateResponse(request, TEMPLATE, context)
