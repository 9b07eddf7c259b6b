"""Which connection goes where: liveness and sockets are answered here, everything else by Django."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import connections
from django.urls import get_resolver

from apps.console import websocket
from apps.console.liveness import health_answer, ping_answer
from apps.console.vitals import vitals

POOL_SIZE = 20

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

LIVENESS = {"/health": health_answer, "/health/": health_answer, "/ping": ping_answer, "/ping/": ping_answer}


def build_application(django_application: Application) -> Application:
    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        vitals.start()
        if scope["type"] == "http":
            answer = LIVENESS.get(scope["path"])
            if answer is None or scope["method"] not in ("GET", "HEAD"):
                await django_application(scope, receive, send)
            else:
                await send_answer(send, *answer(), with_body=scope["method"] == "GET")
        elif scope["type"] == "websocket":
            await serve_socket(scope, receive, send)
        elif scope["type"] == "lifespan":
            begin()
            await live(receive, send)

    return application


async def send_answer(send: Any, status: int, kind: str, body: bytes, *, with_body: bool) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if with_body else b""})


async def serve_socket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] == websocket.PATH:
        await websocket.desk_socket(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": websocket.NOT_FOUND})


async def live(receive: Any, send: Any) -> None:
    """Servers that announce start and stop (uvicorn) wait for the answer."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def begin() -> None:
    """Once, on the running loop of a server that starts."""
    vitals.start()
    get_resolver().url_patterns  # noqa: B018 - loads the views now, not during the first request
    # What start-up made stays for good. Going through it again would cost a tenth of a second each time, and every
    # client of the desk would wait.
    gc.collect()
    gc.freeze()


def use_connection_pool() -> None:
    """Web requests come on many short-lived threads: without a pool each would leave a connection behind.

    An operator's DATABASE_POOL_SIZE stays as it is.
    """
    database = connections.settings["default"]
    if "pool" not in database["OPTIONS"]:
        # A failed attempt is given up soon, so that the first request after an outage tries afresh.
        database["OPTIONS"]["pool"] = {"min_size": 0, "max_size": POOL_SIZE, "timeout": 3, "reconnect_timeout": 2}
        database["CONN_MAX_AGE"] = 0
        database["CONN_HEALTH_CHECKS"] = True
