"""/health and /ping: for load balancers, supervisors and people in a hurry. No login, nothing secret."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.console.vitals import vitals
from tradeops.lib import clock

Answer = tuple[int, str, bytes]
TEXT = "text/plain; charset=utf-8"
LENGTH = 2000


def health_answer() -> Answer:
    """Exactly `OK`, or 503 with what is wrong, one line each. From memory."""
    problems = vitals.problems()
    if not problems:
        return 200, TEXT, b"OK"
    return 503, TEXT, "\n".join(problems)[:LENGTH].encode()


def ping_answer() -> Answer:
    return 200, "application/json", json.dumps({"ping": "pong", "timestamp": clock.now().isoformat()}).encode()


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    return respond(health_answer())


@require_safe
def ping(request: HttpRequest) -> HttpResponse:
    return respond(ping_answer())


def respond(answer: Answer) -> HttpResponse:
    status, kind, body = answer
    return HttpResponse(body, status=status, content_type=kind, headers={"Cache-Control": "no-store"})
