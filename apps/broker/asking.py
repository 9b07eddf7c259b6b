"""Asking the gateway questions from any process, inside or outside of a transaction."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
LOOK_SECONDS = 1.0
# What is held, what is owed and which orders work must be askable whatever happened to market data.
GUARDED = frozenset({RequestKind.QUOTES, RequestKind.HISTORY, RequestKind.CONTRACT_DETAILS, RequestKind.OPTION_CHAIN})
# A breaker spares callers the waiting. What is refused at once (not connected, no such contract) costs none.
NO_DATABASE = "the database cannot be asked"
SLOW_FAILURES = ("timed out", "the gateway failed", NO_DATABASE)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    kind: RequestKind
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """`until`: on the monotonic clock."""

    id: uuid.UUID
    place: int
    until: float


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
    [(_, answer)] = ask_each(
        [Question(kind, payload)], timeout=timeout, priority=priority, requested_by=requested_by, at_once=1
    )
    return answer


def ask_each(
    questions: Sequence[Question],
    *,
    timeout: float,
    at_once: int,
    priority: Priority = Priority.QUOTE,
    requested_by: str = "",
) -> Iterator[tuple[int, Known[Any] | Unknown]]:
    """Each question's place in `questions` with its answer, as they come; at most `at_once` wait for theirs.

    `timeout`: seconds for each, from when it is its turn. Otherwise as `ask`; what cannot be asked is Unknown.
    """
    answered: set[int] = set()
    try:
        with psycopg.connect(conninfo(), autocommit=True) as connection:
            if not _gateway_is_alive(connection):
                raise _NobodyAnswers(GATEWAY_NOT_RUNNING)
            connection.execute("LISTEN broker_answer")
            inquiry = _Inquiry(connection, questions, timeout, priority, requested_by)
            for place, answer in inquiry.answers(at_once):
                answered.add(place)
                yield place, answer
    except (psycopg.Error, _NobodyAnswers) as error:
        reason = str(error) if isinstance(error, _NobodyAnswers) else f"{NO_DATABASE}: {str(error).strip()}"[:300]
        missing = [place for place in range(len(questions)) if place not in answered]
        for kind in {questions[place].kind for place in missing}:
            _note(kind, Unknown(reason))
        # An open breaker says so whoever else is away.
        yield from ((place, Unknown(_objection(questions[place].kind) or reason)) for place in missing)


class _NobodyAnswers(Exception):
    """The text says why."""


class _Inquiry:
    """Questions on their way over one connection."""

    def __init__(
        self,
        connection: Connection,
        questions: Sequence[Question],
        timeout: float,
        priority: Priority,
        requested_by: str,
    ) -> None:
        self._connection = connection
        self._questions = questions
        self._timeout = timeout
        self._priority = priority
        self._requested_by = requested_by
        self._open: dict[str, _Asked] = {}

    def answers(self, at_once: int) -> Iterator[tuple[int, Known[Any] | Unknown]]:
        next_place = 0
        while next_place < len(self._questions) or self._open:
            while next_place < len(self._questions) and len(self._open) < at_once:
                if objection := _objection(self._questions[next_place].kind):
                    yield next_place, Unknown(objection)
                else:
                    self._put(next_place)
                next_place += 1
            for asked in self._next_answered():
                answer = _answer(self._connection, asked.id, self._timeout)
                _note(self._questions[asked.place].kind, answer)
                yield asked.place, answer

    def _put(self, place: int) -> None:
        question, request_id = self._questions[place], uuid.uuid4()
        asked = _Asked(request_id, place, time.monotonic() + self._timeout + GRACE_SECONDS)
        self._open[str(request_id)] = asked
        _insert(
            self._connection,
            request_id,
            question.kind,
            question.payload,
            self._timeout,
            self._priority,
            self._requested_by,
        )

    def _next_answered(self) -> list[_Asked]:
        """Those that are answered by now or whose time is up: at least one, unless none is open."""
        while self._open:
            left = max(0.0, min(asked.until for asked in self._open.values()) - time.monotonic())
            told = {note.payload for note in self._connection.notifies(timeout=min(left, LOOK_SECONDS), stop_after=1)}
            # What was announced while we did something else may not have been heard.
            done = told & set(self._open) or self._answered() or self._overdue()
            if done:
                return [self._open.pop(request_id) for request_id in done]
        return []

    def _answered(self) -> set[str]:
        rows = self._connection.execute(
            "SELECT id FROM broker_request WHERE id = ANY(%s) AND state NOT IN ('pending', 'claimed')",
            [[asked.id for asked in self._open.values()]],
        )
        return {str(row[0]) for row in rows}

    def _overdue(self) -> set[str]:
        return {request_id for request_id, asked in self._open.items() if asked.until <= time.monotonic()}


def _objection(kind: RequestKind) -> str:
    return breaking.keeper().objection(breaking.MARKET_DATA) if kind in GUARDED else ""


def _note(kind: RequestKind, answer: Known[Any] | Unknown) -> None:
    if kind not in GUARDED:
        return
    if isinstance(answer, Known):
        breaking.keeper().note(breaking.MARKET_DATA, "")
    elif answer.reason.startswith(SLOW_FAILURES):
        breaking.keeper().note(breaking.MARKET_DATA, f"{kind}: {answer.reason}")


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
