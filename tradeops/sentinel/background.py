"""What may take ten seconds and must not keep the watcher: sending notices, and telling somebody outside."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, close_old_connections, connection

from apps.journal import services as journal
from apps.journal.choices import Level
from apps.journal.exceptions import NoticeFailed
from apps.journal.outbound.http import request
from apps.risk.services import emergency_watch
from tradeops.sentinel.turns import each_turn

logger = logging.getLogger(__name__)

PING_SECONDS = 60.0
LOOK_SECONDS = 1.0


def deliver(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """Send what is due, each second, while this sentinel is the active one and has a database."""
    unwatched = "Notices are delivered by the worker alone."
    each_turn(stopping, may_act, _deliver, "notices", unwatched=unwatched)


def attend_emergencies(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """Stops that end by the clock, incidents of what is not verified at the broker."""
    unwatched = "Stops do not end by the clock, and nobody is told of a stop that is not verified."
    each_turn(stopping, may_act, _attend, "emergencies", unwatched=unwatched)


def drive_orphans(stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """Close-alls whose driver died: on a thread of its own, for driving takes long."""
    unwatched = "A close-all whose driver died is not carried on."
    each_turn(stopping, may_act, _drive_orphans, "close-alls", unwatched=unwatched)


def _deliver() -> bool:
    journal.deliver_due()
    return True


def _attend() -> bool:
    emergency_watch.attend_emergencies()
    return True


def _drive_orphans() -> bool:
    emergency_watch.drive_orphans()
    return True


def ping(url: str, stopping: threading.Event, may_act: Callable[[], bool]) -> None:
    """GET `url` each minute while all is well here: whoever misses it knows that this machine or its network died."""
    failing = False
    next_at = time.monotonic()
    while not stopping.wait(LOOK_SECONDS):
        if not may_act() or time.monotonic() < next_at:
            continue
        next_at = time.monotonic() + PING_SECONDS
        error = ping_once(url)
        if bool(error) != failing:
            failing = bool(error)
            note_ping(error)
    connection.close()


def ping_once(url: str) -> str:
    """Why it failed; empty when it did not. The URL is a secret and in no text."""
    try:
        answer = request("GET", url)
    except NoticeFailed as error:
        return str(error)
    return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"


def note_ping(error: str) -> None:
    message = f"SENTINEL_PING_URL is not reached: {error}" if error else "SENTINEL_PING_URL is reached again"
    try:
        close_old_connections()
        journal.record(step="Ping", message=message, level=Level.WARN if error else Level.INFO, scope="health")
    except DatabaseError:
        logger.warning(message)
        connection.close()
