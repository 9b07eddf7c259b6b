"""Where a browser may open a socket or a stream from: exactly this site."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest


def origin_is_ours(request: HttpRequest, *, required: bool) -> bool:
    """Compare scheme, host and port in full.

    A browser always names the origin of a WebSocket, so a cookie without one is refused (`required`). A plain GET of
    the same origin names none.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return not required and request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False
    return origin == own or origin in settings.CSRF_TRUSTED_ORIGINS
