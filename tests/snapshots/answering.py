"""A thread that answers the request rows as the gateway does: the questions go the real way, the answers are chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from apps.broker.models import GatewaySession
from tradeops.lib import clock
from tradeops.lib.listen import conninfo

Rows = list[dict[str, Any]]
Answer = Rows | Callable[[dict[str, Any]], Rows | None] | None


@contextmanager
def answering(**answers: Answer) -> Iterator[list[str]]:
    """Answer each kind of question with its rows, a kind without rows as unknown; the kinds that were asked.

    Where the rows depend on what was asked, a function of the question's payload says them.
    """
    now = clock.now()
    session = {"heartbeat_at": now, "synchronised_at": now, "state": "ready", "state_since": now}
    links = {"trading_link_up": True, "data_link_up": True}
    GatewaySession.objects.update_or_create(id=1, defaults={**session, **links})
    asked: list[str] = []
    stop = threading.Event()

    def answer() -> None:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            while not stop.wait(0.01):
                connection.execute("UPDATE broker_gatewaysession SET heartbeat_at = now()")
                pending = connection.execute("SELECT id, kind, payload FROM broker_request WHERE state = 'pending'")
                for request, kind, payload in pending.fetchall():
                    asked.append(kind)
                    wanted = answers.get(kind)
                    rows = wanted(payload) if callable(wanted) else wanted
                    state = "unknown" if rows is None else "known"
                    connection.execute(
                        "UPDATE broker_request SET state = %s, answer = %s, as_of = now(), reason = %s WHERE id = %s",
                        [state, None if rows is None else Jsonb(rows), "not connected", request],
                    )

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
