"""Asking the gateway a question from any process, inside or outside of a transaction."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from apps.broker.choices import Priority, RequestKind, RequestState
from apps.broker.selectors import GATEWAY_NOT_RUNNING, STALE_SECONDS
from tradeops.lib import breaking
from tradeops.lib.known import Known, Unknown
from tradeops.lib.listen import conninfo

# Beyond the deadline, for the answer that was written at the last moment to arrive.
GRACE_SECONDS = 0.25
CHANNEL = "broker_answer"
# What is held, what is owed and which orders work must be askable whatever happened to market data.
GUARDED = frozenset({RequestKind.QUOTES, RequestKind.HISTORY, RequestKind.CONTRACT_DETAILS, RequestKind.OPTION_CHAIN})
# A breaker spares callers the waiting. What is refused at once (not connected, no such contract) costs none.
SLOW_FAILURES = ("timed out", "the gateway failed", "the database cannot be asked")

Connection = psycopg.Connection[tuple[Any, ...]]


def ask(
    kind: RequestKind,
    payload: Mapping[str, Any],
    *,
    timeout: float = 8.0,
    priority: Priority = Priority.QUOTE,
    requested_by: str = "",
) -> Known[Any] | Unknown:
    """What the broker says to this question, or why nobody can say, within `timeout` seconds.

    Goes over a connection of its own, so that the caller's open transaction neither hides the question from the
    gateway nor the answer from the caller.
    """
    if kind not in GUARDED:
        return _ask(kind, payload, timeout, priority, requested_by)
    keeper = breaking.keeper()
    if objection := keeper.objection(breaking.MARKET_DATA):
        return Unknown(objection)
    answer = _ask(kind, payload, timeout, priority, requested_by)
    if isinstance(answer, Known):
        keeper.note(breaking.MARKET_DATA, "")
    elif answer.reason.startswith(SLOW_FAILURES):
        keeper.note(breaking.MARKET_DATA, f"{kind}: {answer.reason}")
    return answer


def _ask(
    kind: RequestKind, payload: Mapping[str, Any], timeout: float, priority: Priority, requested_by: str
) -> Known[Any] | Unknown:
    request_id = uuid.uuid4()
    deadline = time.monotonic() + timeout
    try:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            if not _gateway_is_alive(connection):
                return Unknown(GATEWAY_NOT_RUNNING)
            connection.execute("LISTEN broker_answer")
            _insert(connection, request_id, kind, payload, timeout, priority, requested_by)
            _wait(connection, request_id, deadline)
            return _answer(connection, request_id, timeout)
    except psycopg.Error as error:
        return Unknown(f"the database cannot be asked: {str(error).strip()}"[:300])


def _gateway_is_alive(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT 1 FROM broker_gatewaysession WHERE heartbeat_at > now() - make_interval(secs => %s)", [STALE_SECONDS]
    ).fetchone()
    return row is not None


def _insert(
    connection: Connection,
    request_id: uuid.UUID,
    kind: RequestKind,
    payload: Mapping[str, Any],
    timeout: float,
    priority: Priority,
    requested_by: str,
) -> None:
    connection.execute(
        "INSERT INTO broker_request (id, kind, payload, priority, state, requested_by, created_at, deadline, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s), '')",
        [
            request_id,
            kind.value,
            Jsonb(dict(payload)),
            int(priority),
            RequestState.PENDING.value,
            requested_by[:150],
            timeout,
        ],
    )


def _wait(connection: Connection, request_id: uuid.UUID, deadline: float) -> None:
    """Until the answer is announced or the time is up."""
    while (left := deadline + GRACE_SECONDS - time.monotonic()) > 0:
        for notification in connection.notifies(timeout=left, stop_after=1):
            if notification.payload == str(request_id):
                return


def _answer(connection: Connection, request_id: uuid.UUID, timeout: float) -> Known[Any] | Unknown:
    reason = f"timed out: no answer within {timeout:g} s"
    connection.execute(
        "UPDATE broker_request SET state = 'unknown', reason = %s, answered_at = clock_timestamp() "
        "WHERE id = %s AND state IN ('pending', 'claimed')",
        [reason, request_id],
    )
    row = connection.execute(
        "SELECT state, answer, as_of, reason FROM broker_request WHERE id = %s", [request_id]
    ).fetchone()
    if row is None:
        return Unknown("the request was removed before it was answered")
    state, answer, as_of, reason = row
    if state == RequestState.KNOWN.value and isinstance(as_of, datetime):
        return Known(json.loads(answer) if isinstance(answer, str) else answer, as_of)
    return Unknown(reason)
