"""A stop does not wait until slow pages give a connection to the database back to the pool."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection, connections
from django.http import HttpRequest, HttpResponseBase

STOP_PAGE, PRESSES = "/stop/", "/api/emergency/"
# Of presses, and of looks at the page that comes before one: however many look, who presses finds a place.
PLACES = {"POST": threading.BoundedSemaphore(4), "GET": threading.BoundedSemaphore(2)}


def leave_the_pool() -> None:
    """This thread's connection becomes one of its own."""
    shared = connections.settings["default"]
    connection.close()
    options = {name: value for name, value in shared["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**shared, "OPTIONS": options}


def return_to_the_pool() -> None:
    connection.close()
    connection.settings_dict = connections.settings["default"]


def place_for(request: HttpRequest) -> threading.BoundedSemaphore | None:
    """Taken; None where the request is no press, or too many are under way: then it goes the way of all."""
    is_press = request.path_info.startswith(STOP_PAGE) or (
        request.method == "POST" and request.path_info.startswith(PRESSES)
    )
    place = PLACES.get(request.method or "") if is_press else None
    pooled = "pool" in connections.settings["default"]["OPTIONS"]
    return place if place is not None and pooled and place.acquire(blocking=False) else None


class ReservedConnectionMiddleware:
    """The first of all: what comes after it reads the session from the database.

    Not async: a thread comes to its end also where the client has hung up, and gives the place back.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        place = place_for(request)
        if place is None:
            return self._get_response(request)
        try:
            leave_the_pool()
            try:
                return self._get_response(request)
            finally:
                return_to_the_pool()
        finally:
            place.release()
