"""Appending to the journal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from apps.journal.choices import Level
from apps.journal.models import Event
from tradeops.lib import clock

# The scope is its last part, so that a scope can have a log file of its own.
LOGGER = "apps.journal"

LOG_LEVELS = {Level.INFO: logging.INFO, Level.WARN: logging.WARNING, Level.ERROR: logging.ERROR}
MESSAGE_LENGTH = 2000


def record(
    *,
    step: str,
    message: str,
    level: Level = Level.INFO,
    scope: str = "",
    symbol: str = "",
    data: Mapping[str, Any] | None = None,
    actor: str = "",
) -> Event:
    """Append one event in the caller's transaction: it exists exactly if what it tells of was committed.

    Subscribers hear of it at the commit (NOTIFY `journal_event` with the event's number).
    """
    event = draft(step=step, message=message, level=level, scope=scope, symbol=symbol, data=data, actor=actor)
    log(event)
    event.save(force_insert=True)
    return event


def draft(
    *,
    step: str,
    message: str,
    level: Level = Level.INFO,
    scope: str = "",
    symbol: str = "",
    data: Mapping[str, Any] | None = None,
    actor: str = "",
    at: datetime | None = None,
) -> Event:
    """An event for `record_all`; `at` is when it happened where that was before now."""
    return Event(
        at=at or clock.now(),
        level=level,
        scope=scope,
        symbol=symbol,
        step=step,
        message=message[:MESSAGE_LENGTH],
        data=dict(data or {}),
        actor=actor,
    )


def log(event: Event) -> None:
    logger = logging.getLogger(f"{LOGGER}.{event.scope}" if event.scope else LOGGER)
    logger.log(LOG_LEVELS[Level(event.level)], "%s %s %s", event.step, event.symbol, event.message)


def record_all(events: Sequence[Event]) -> None:
    """Append events at once, in their order; otherwise as `record`. They do not learn their ids."""
    for event in events:
        log(event)
    if events:
        with connection.cursor() as cursor:
            cursor.execute(APPEND, [json.dumps([_as_row(event) for event in events])])


# Far less work than one placeholder for each value: jobs that end together tell of it together.
APPEND = """
INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor)
SELECT at, level, scope, symbol, step, message, data, actor FROM jsonb_to_recordset(%s::jsonb)
       AS said (at timestamptz, level text, scope text, symbol text, step text, message text, data jsonb, actor text)
"""


def _as_row(event: Event) -> dict[str, Any]:
    names = ("level", "scope", "symbol", "step", "message", "data", "actor")
    return {"at": event.at.isoformat(), **{name: getattr(event, name) for name in names}}
