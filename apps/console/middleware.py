"""What a web process does where the database is away, or busy with others."""

from __future__ import annotations

import logging
import threading

from django.db import InterfaceError, OperationalError, connection, connections
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from apps.console.texts import one_line
from apps.console.views import database_away

logger = logging.getLogger(__name__)

PRESSES = ("/stop/", "/api/emergency/")
RESERVED = 4


class ReservedConnectionMiddleware(MiddlewareMixin):
    """Whoever stops trading does not wait until slow pages give a connection back to the pool.

    RESERVED of these requests at once have one of their own; the next take theirs from the pool, like all others.
    """

    _places = threading.BoundedSemaphore(RESERVED)

    def process_request(self, request: HttpRequest) -> None:
        shared = connections.settings["default"]
        if not request.path.startswith(PRESSES) or "pool" not in shared["OPTIONS"]:
            return
        if self._places.acquire(blocking=False):
            request.has_reserved_connection = True  # type: ignore[attr-defined]
            connection.close()
            options = {name: value for name, value in shared["OPTIONS"].items() if name != "pool"}
            connection.settings_dict = {**shared, "OPTIONS": options}

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if getattr(request, "has_reserved_connection", False):
            connection.close()
            connection.settings_dict = connections.settings["default"]
            self._places.release()
        return response


class DatabaseOutageMiddleware(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        logger.warning("%s: %s", request.path, one_line(exception))
        return database_away(request)
