"""One browser gone wild takes its own places only, and is told so."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from apps.console.seats import MOST_OPEN, TOO_MANY, Seats
from apps.journal import services as journal
from tests.console.web_process import WebProcess
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "/api/events/stream"


def seated(stack: ExitStack, web: WebProcess, token: str) -> ClientConnection:
    """A socket that has been greeted."""
    socket = stack.enter_context(web.socket(token))
    socket.recv(timeout=60)
    return socket


def refusal(web: WebProcess, token: str) -> tuple[int, str] | None:
    with web.socket(token) as socket:
        first = json.loads(socket.recv(timeout=60))
        if first["type"] != "refused":
            return None
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, first["reason"]


def test_newest_socket_or_stream_is_refused_and_others_are_let_in(
    web: WebProcess, make_token: Callable[..., str]
) -> None:
    wild, calm = make_token("wild"), make_token("calm")
    journal.record(step="Test", message="something to greet with")
    with ExitStack() as stack:
        stream = stack.enter_context(web.stream(STREAM, wild))
        assert stream.readline() == b"retry: 1000\n"
        sockets = [seated(stack, web, wild) for _ in range(MOST_OPEN - 1)]
        assert refusal(web, wild) == (4430, TOO_MANY)
        with web.stream(STREAM, wild) as refused:
            assert refused.status == 429 and TOO_MANY in refused.read().decode()
        assert refusal(web, calm) is None
        sockets.pop().close()
        wait_for(lambda: refusal(web, wild) is None, what="the place that became free")
        stream.close()
    wait_for(lambda: refusal(web, wild) is None)
    with web.stream(STREAM, wild) as again:
        assert again.status == 200


def test_who_leaves_takes_nobody_elses_place() -> None:
    seats = Seats()
    assert all(seats.take("ann") for _ in range(MOST_OPEN)) and not seats.take("ann") and seats.take("ben")
    seats.leave("ann")
    assert seats.take("ann") and seats.are_full("ann") and not seats.are_full("ben")
