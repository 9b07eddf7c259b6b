"""Appending to the journal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from apps.journal.choices import Level
from apps.journal.models import Event

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
    logging.getLogger(f"{LOGGER}.{scope}" if scope else LOGGER).log(
        LOG_LEVELS[level], "%s %s %s", step, symbol, message
    )
    return Event.objects.create(
        level=level,
        scope=scope,
        symbol=symbol,
        step=step,
        message=message[:MESSAGE_LENGTH],
        data=dict(data or {}),
        actor=actor,
    )
