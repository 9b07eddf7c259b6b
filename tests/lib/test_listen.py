"""LISTEN comes back by itself and says that something may have been missed."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tradeops.lib.listen import Notification, Reconnected, conninfo, listen


def notify(payload: str) -> None:
    with psycopg.connect(conninfo(), autocommit=True) as connection:
        connection.execute("SELECT pg_notify('lib_test', %s)", [payload])


def end_listeners() -> None:
    with psycopg.connect(conninfo(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN \"lib_test\"%'"
        )


@pytest.mark.django_db(transaction=True)
async def test_listen_delivers_what_is_notified() -> None:
    stream = listen(["lib_test"])
    assert isinstance(await anext(stream), Reconnected)
    await asyncio.to_thread(notify, "one")
    assert await asyncio.wait_for(anext(stream), 5) == Notification("lib_test", "one")
    await stream.aclose()


@pytest.mark.django_db(transaction=True)
async def test_listen_comes_back_after_its_connection_was_ended() -> None:
    stream = listen(["lib_test"])
    assert isinstance(await anext(stream), Reconnected)
    await asyncio.to_thread(end_listeners)
    assert isinstance(await asyncio.wait_for(anext(stream), 10), Reconnected)
    await asyncio.to_thread(notify, "two")
    assert await asyncio.wait_for(anext(stream), 5) == Notification("lib_test", "two")
    await stream.aclose()
