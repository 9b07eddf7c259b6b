"""Asking for the password again, without losing what was filled in: the same form is sent on once it is right."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.console import throttle
from tradeops.lib import freshness

FIELD = "password_again"
NOT_REPEATED = frozenset({FIELD, "csrfmiddlewaretoken"})


def ask_password(request: HttpRequest, what: str) -> HttpResponse | None:
    """None once the password that came with the form is right."""
    problem = ""
    if FIELD in request.POST:
        problem = objection(request, request.POST[FIELD])
        if not problem:
            freshness.note(request)
            return None
    fields = [
        (name, value) for name in request.POST if name not in NOT_REPEATED for value in request.POST.getlist(name)
    ]
    context = {"what": what, "problem": problem, "fields": fields, "field": FIELD}
    return render(request, "console/password.html", context, status=403)


def objection(request: HttpRequest, password: str) -> str:
    """Counted as a login is, so that nobody guesses here what is locked there."""
    account, address = request.user.get_username(), request.META.get("REMOTE_ADDR")
    attempt = throttle.begin_attempt(account=account, address=address)
    if attempt is None:
        return f"Too many failed attempts: wait {throttle.minutes_to_wait(account=account, address=address)} min."
    if not request.user.check_password(password):
        throttle.fail_attempt(attempt)
        return "This is not your password."
    throttle.forget_attempts(account=account, address=address)
    return ""


def note_login(request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    """Whoever has just signed in has given it."""
    freshness.note(request)
