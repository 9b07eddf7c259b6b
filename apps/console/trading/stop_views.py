"""Stopping trading: pressed on any page, confirmed here. And letting it go on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.broker import selectors as broker
from apps.broker.choices import Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun
from apps.broker.models.stops import DRILLS
from apps.console.roles import HALT_TRADING, RESUME_TRADING, VIEW_DESK
from apps.console.selectors.room import count
from apps.console.trading.driving import drive
from apps.console.trading.people import has
from apps.console.trading.stop_form import ACTIONS, CANCEL_ALL, CLOSE_ALL, KILL, ResumeForm, StopForm
from apps.risk import drill_selectors, emergency_selectors
from apps.risk.services import emergency
from apps.risk.services.emergency import Asked
from apps.risk.services.emergency_resume import resume
from tradeops.lib import freshness
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import person

CAME_BY = "page"
LATEST = 5


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required(VIEW_DESK, raise_exception=True)
def stop_trading(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return show(request, StopForm())
    if not has(request, HALT_TRADING):
        raise PermissionDenied
    form = StopForm(request.POST)
    if not form.is_valid():
        return show(request, form, status=400)
    if form.cleaned_data["action"] == CLOSE_ALL and (page := freshness.ask(request, "close every position")):
        return page
    try:
        asked = pull(form, person(request))
    except TradeOpsError as error:
        form.add_error(None, str(error))
        return show(request, form, status=409)
    for note in asked.notes:
        messages.warning(request, note)
    if asked.run is None:
        return show(request, StopForm(), status=202)
    drive(asked.run)
    return HttpResponseRedirect(receipt_address(asked.run))


def pull(form: StopForm, user: User) -> Asked:
    target, action = form.target(), form.cleaned_data["action"]
    common: dict[str, Any] = {
        "scope": target.scope,
        "target": target.name,
        "reason": form.cleaned_data["reason"],
        "user": user,
        "came_by": CAME_BY,
    }
    if action == CANCEL_ALL:
        return emergency.cancel_all(**common)
    if action == CLOSE_ALL:
        return emergency.close_all(**common, confirmation=form.cleaned_data["confirmation"].strip())
    killed = action == KILL
    return emergency.halt(**common, permission=TradingPermission.KILLED if killed else TradingPermission.HALTED)


@never_cache
@require_POST
@login_required
def resume_trading(request: HttpRequest) -> HttpResponse:
    if not has(request, RESUME_TRADING):
        raise PermissionDenied
    form = ResumeForm(request.POST)
    if not form.is_valid():
        for problems in form.errors.values():
            messages.error(request, " ".join(str(problem) for problem in problems))
        return redirect("stop-trading")
    if page := freshness.ask(request, "resume trading"):
        return page
    wanted = form.cleaned_data
    try:
        resumed = resume(
            scope=Scope(wanted["scope"]),
            target=wanted["target"],
            reason=wanted["reason"],
            user=person(request),
            came_by=CAME_BY,
            source=StopSource(wanted["source"]),
            to=TradingPermission(wanted["to"] or TradingPermission.ACTIVE),
            force=wanted["force"],
        )
    except TradeOpsError as error:
        messages.error(request, str(error))
        return redirect("stop-trading")
    if resumed.waits_for:
        messages.warning(request, f"Not resumed yet: {resumed.waits_for}.")
    else:
        still = "; ".join(resumed.still_blocks)
        messages.success(request, f"Released. Still stopped: {still}." if still else "Released. Nothing is stopped.")
    return redirect("stop-trading")


def show(request: HttpRequest, form: StopForm, status: int = 200) -> HttpResponse:
    account = broker.default_account()
    to_cancel = emergency_selectors.count_to_cancel()
    context = {
        "form": form,
        "actions": ACTIONS,
        "may_resume": has(request, RESUME_TRADING),
        "account": account,
        "words": emergency.close_all_words(account.code) if account else "",
        "needs_words": not settings.BROKER.paper_trading,
        "entries": to_cancel.entries,
        "orders": to_cancel.orders,
        "external": to_cancel.external,
        "broker_orders": count(broker.count_open_orders()),
        "positions": count(broker.count_positions()),
        "runs": list(EmergencyRun.objects.exclude(DRILLS).order_by("-requested_at")[:LATEST]),
        "drill": drill_selectors.last_drill(),
        "resume_targets": ResumeForm.base_fields["to"].choices,  # type: ignore[attr-defined]
    }
    return render(request, "console/emergency/stop.html", context, status=status)


def receipt_address(run: EmergencyRun) -> str:
    return reverse("admin:broker_emergencyrun_change", args=[run.pk])
