"""PostgreSQL's LISTEN for asyncio, over a connection of its own that comes back by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import psycopg
from django.db import connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Notification:
    channel: str
    payload: str


class Reconnected:
    """The listener is (again) connected: whatever was announced meanwhile was missed, so look at the tables."""


def conninfo() -> str:
    """The default database's address for connections outside Django, without what libpq does not know."""
    settings = connections["default"].settings_dict
    options = {name: value for name, value in settings["OPTIONS"].items() if name not in ("pool", "prepare_threshold")}
    parts = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return make_conninfo("", **{part: settings[name] or None for part, name in parts.items()}, **options)


async def listen(channels: Sequence[str]) -> AsyncIterator[Notification | Reconnected]:
    """Yield `Reconnected` after every connect, then each notification. Never ends; close it to stop."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo(), autocommit=True) as connection:
                for channel in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                pause = FIRST_PAUSE
                yield Reconnected()
                while True:
                    async for notification in connection.notifies(timeout=PROBE_SECONDS):
                        yield Notification(notification.channel, notification.payload)
                    # A silent connection may be half open: only an answer proves that it lives.
                    await asyncio.wait_for(connection.execute("SELECT 1"), PROBE_SECONDS)
        except (psycopg.OperationalError, TimeoutError) as error:
            logger.warning("listening to %s interrupted: %s", ", ".join(channels), error)
        await asyncio.sleep(pause)
        pause = min(pause * 1.6, LONGEST_PAUSE)
