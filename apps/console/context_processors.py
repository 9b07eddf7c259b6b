"""What every page shows: PAPER or LIVE, and to those who are signed in how the gateway stands and what is wrong."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.console.roles import HALT_TRADING
from apps.console.selectors.incidents import incidents_view
from apps.console.selectors.session import session_view, trading_word
from apps.console.selectors.trading import trading_view
from tradeops.lib import clock


def banner(request: HttpRequest) -> dict[str, Any]:
    now = clock.now()
    known = getattr(request, "user", None) is not None and request.user.is_authenticated
    return {
        "trading_word": trading_word(),
        "is_simulated": settings.BROKER.simulated,
        "gateway": session_view(now=now) if known else None,
        "incidents": incidents_view() if known else None,
        "trading": trading_view() if known else None,
        "may_halt": known and request.user.has_perm(HALT_TRADING),
        "server_now": now,
    }
