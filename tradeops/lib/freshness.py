"""Was the password given lately? What loosens or sells asks for it again; what stops trading never does.

How it is asked for is said at start by whoever has pages (`apps.console`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.http import HttpRequest, HttpResponse

from tradeops.lib import clock

FRESH = timedelta(minutes=5)
KEY = "password_given_at"

Asker = Callable[[HttpRequest, str], HttpResponse | None]
_asker: Asker | None = None


def keep(asker: Asker) -> None:
    """`asker` takes the request and what is about to be done; it answers with a page, or None once it knows."""
    global _asker
    _asker = asker


def note(request: HttpRequest) -> None:
    """The password was right, just now, in this session."""
    request.session[KEY] = clock.now().timestamp()


def is_fresh(request: HttpRequest) -> bool:
    given = request.session.get(KEY)
    return isinstance(given, float) and 0 <= clock.now().timestamp() - given <= FRESH.total_seconds()


def ask(request: HttpRequest, what: str) -> HttpResponse | None:
    """The page that asks for the password and then sends the same form again; None when it may be done now."""
    if is_fresh(request):
        return None
    if _asker is None:
        raise RuntimeError("nobody has said how the password is asked for")
    return _asker(request, what)
