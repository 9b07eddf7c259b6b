"""A thread that answers request rows as the gateway does: questions go the real way, the answers are chosen."""

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
Answer = Callable[[str, dict[str, Any]], Rows | None]


@contextmanager
def answering(answer: Answer) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """`answer(kind, payload)` gives the rows, None for: nobody can say. Yields what was asked."""
    GatewaySession.objects.get_or_create(id=1, defaults={"heartbeat_at": clock.now()})
    asked: list[tuple[str, dict[str, Any]]] = []
    stop = threading.Event()

    def serve() -> None:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            while not stop.wait(0.005):
                connection.execute("UPDATE broker_gatewaysession SET heartbeat_at = now()")
                rows = connection.execute("SELECT id, kind, payload FROM broker_request WHERE state = 'pending'")
                for request, kind, payload in rows.fetchall():
                    asked.append((kind, payload))
                    found = answer(kind, payload)
                    connection.execute(
                        "UPDATE broker_request SET state = %s, answer = %s, as_of = now(), reason = %s WHERE id = %s",
                        [
                            "unknown" if found is None else "known",
                            None if found is None else Jsonb(found),
                            "not connected",
                            request,
                        ],
                    )

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()


def quotes(prices: dict[int, str | None], note: str = "") -> Answer:
    """Only quotes are asked for, and these are the prices by contract id."""

    def answer(kind: str, payload: dict[str, Any]) -> Rows | None:
        if kind != "quotes":
            return None
        return [
            {
                "con_id": con_id,
                "price": prices.get(con_id),
                "price_source": "close" if prices.get(con_id) else None,
                "note": note,
            }
            for con_id in payload["con_ids"]
        ]

    return answer
