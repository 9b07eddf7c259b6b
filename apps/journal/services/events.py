"""Appending to the journal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from apps.journal.choices import Level
from apps.journal.models import Event
from tradeops.lib import clock, prepared

# The scope is its last part, so that a scope can have a log file of its own.
LOGGER = "apps.journal"

LOG_LEVELS = {Level.INFO: logging.INFO, Level.WARN: logging.WARNING, Level.ERROR: logging.ERROR}
MESSAGE_LENGTH = 2000


class Draft(NamedTuple):
    """An event that is not in the journal yet."""

    at: datetime
    level: Level
    scope: str
    symbol: str
    step: str
    message: str
    data: dict[str, Any]
    actor: str


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
    said = draft(step=step, message=message, level=level, scope=scope, symbol=symbol, data=data, actor=actor)
    log(said)
    return Event.objects.create(**said._asdict())


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
) -> Draft:
    """An event for `record_all`; `at` is when it happened where that was before now."""
    return Draft(
        at=at or clock.now(),
        level=level,
        scope=scope,
        symbol=symbol,
        step=step,
        message=message[:MESSAGE_LENGTH],
        data=dict(data or {}),
        actor=actor,
    )


def log(said: Draft) -> None:
    logger = logging.getLogger(f"{LOGGER}.{said.scope}" if said.scope else LOGGER)
    logger.log(LOG_LEVELS[said.level], "%s %s %s", said.step, said.symbol, said.message)


def record_all(drafts: Sequence[Draft]) -> None:
    """Append events at once, in their order; otherwise as `record`."""
    for said in drafts:
        log(said)
    if drafts:
        prepared.execute(APPEND.format(events="%(events)s::jsonb"), {"events": as_json(drafts)})


def as_json(drafts: Sequence[Draft]) -> str:
    """What `APPEND` appends."""
    return json.dumps([{**said._asdict(), "at": said.at.isoformat()} for said in drafts])


# Far less work than one placeholder for each value: jobs that end together tell of it together, where need be in the
# statement that ends them. `events` is an SQL expression of jsonb.
APPEND = """
INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor)
SELECT at, level, scope, symbol, step, message, data, actor FROM jsonb_to_recordset({events})
       AS said (at timestamptz, level text, scope text, symbol text, step text, message text, data jsonb, actor text)
"""
