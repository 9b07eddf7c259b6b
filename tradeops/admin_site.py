"""The control room."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from apps.console.forms import ThrottledLoginForm
from apps.console.paging import BoundedPaginator
from apps.console.selectors.room import control_room
from tradeops.lib import clock


class TradeOpsAdminSite(AdminSite):
    site_header = "TradeOps"
    site_title = "TradeOps"
    index_title = "Control room"
    site_url = "/desk/"
    enable_nav_sidebar = True
    login_form = ThrottledLoginForm

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Every list, of whatever app, stays quick over millions of rows."""
        bounds = {"paginator": BoundedPaginator, "show_full_result_count": False}
        super().register(model_or_iterable, admin_class, **{**bounds, **options})

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {"room": control_room(now=clock.now()), **(extra_context or {})})
