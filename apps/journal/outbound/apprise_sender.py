"""Notices by Apprise, under the same guard as our own requests.

Not seen by the guard, and so refused: kinds that speak to this machine instead of a host (desktop pop-ups, syslog).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from apps.journal.choices import Severity
from apps.journal.exceptions import NoticeFailed
from apps.journal.outbound.guard import call_guarded
from apps.journal.outbound.http import DEADLINE_SECONDS

LOCAL_KINDS = frozenset(
    {"dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows", "schan", "memory", "file"}
)
TYPES = {Severity.INFO.value: "info", Severity.WARNING.value: "warning", Severity.CRITICAL.value: "failure"}


def send_by_apprise(url: str, subject: str, body: str, *, severity: str) -> None:
    """Raises NoticeFailed, whose text never holds the address."""
    service = service_of(url)

    def exchange() -> bool:
        return bool(service.notify(body=body, title=subject, notify_type=TYPES[severity]))

    try:
        sent = call_guarded(exchange, seconds=DEADLINE_SECONDS, allow_private=settings.NOTICES_ALLOW_PRIVATE)
    except NoticeFailed:
        raise
    except Exception as error:
        raise NoticeFailed(f"{kind_of(url)} failed: {type(error).__name__}") from error
    if not sent:
        raise NoticeFailed(f"{kind_of(url)} did not take the notice: check the channel's address")


def service_of(url: str) -> Any:
    """The one service that the address names. Raises NoticeFailed."""
    import apprise  # 0.1 s and 173 plugins: only for whoever sends

    if kind_of(url) in LOCAL_KINDS:
        raise NoticeFailed(f"{kind_of(url)}:// notifies this machine only: choose a service that reaches people")
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise NoticeFailed("the address is not one that Apprise understands: see its list of services")
    return service


def kind_of(url: str) -> str:
    return url.partition("://")[0].lower()
