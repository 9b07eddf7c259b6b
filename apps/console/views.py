"""The pages for people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.broker import selectors as broker
from apps.console.doctor.connection import check_connection
from apps.console.permissions import ViewerPermission
from apps.console.roles import VIEW_DESK
from apps.console.selectors.weekly_login import in_words, weekly_login_view
from tradeops.lib import clock

docs = require_safe(
    login_required(
        permission_required(VIEW_DESK, raise_exception=True)(
            SpectacularSwaggerSplitView.as_view(url_name="api-schema", permission_classes=[ViewerPermission])
        )
    )
)

MACHINES = ("/api/", "/status", "/health", "/ping")


@require_safe
@login_required
@permission_required(VIEW_DESK, raise_exception=True)
def desk(request: HttpRequest) -> HttpResponse:
    return render(request, "console/desk.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required(VIEW_DESK, raise_exception=True)
def connection(request: HttpRequest) -> HttpResponse:
    """The session as it stands; sent, the way to the broker is tried step by step."""
    checks = list(check_connection(settings.BROKER)) if request.method == "POST" else []
    session, now = broker.session(), clock.now()
    login = weekly_login_view(session, now=now)
    words = in_words(login, now=now) if login else ""
    context = {"session": session, "login": login, "login_words": words, "checks": checks, "now": now}
    return render(request, "console/connection.html", context)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return failure(request, 400, "This request cannot be read", "Check the address, or start again from the desk.")


def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return failure(request, 403, "Your role does not allow this", "An administrator can change your role.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return failure(request, 404, "There is nothing here", "The address may be mistyped, or what was here is gone.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return failure(request, 403, "This form is too old or came from elsewhere", "Reload the page and send it again.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    return failure(request, 500, "Something went wrong", "The log has the details. Trading is not affected by pages.")


def database_away(request: HttpRequest) -> HttpResponseBase:
    remedy = (
        "Trading does not depend on pages. Reload in a moment; the log says why. "
        "To stop trading now: `manage.py halt --reason ...` on the gateway's machine works without it; or cancel"
        " in TWS."
    )
    return failure(request, 503, "The database is not reachable", remedy)


def failure(request: HttpRequest, status: int, title: str, remedy: str) -> HttpResponseBase:
    """A page for people, `{"detail": ...}` for machines. Asks nobody: the database may be what failed."""
    if request.path.startswith(MACHINES):
        return JsonResponse({"detail": f"{title}. {remedy}"}, status=status)
    context: dict[str, Any] = {"status": status, "title": title, "remedy": remedy}
    return HttpResponse(render_to_string("console/failure.html", context), status=status)
