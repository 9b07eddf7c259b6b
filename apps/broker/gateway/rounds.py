"""Work that is done when somebody asks and every so often anyway, through outages of the database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from django.db import DatabaseError

logger = logging.getLogger(__name__)


async def keep_rounds(
    wake: asyncio.Event, work: Callable[[], Awaitable[None]], *, seconds: float, complaint: str
) -> None:
    """For ever: a round at each `wake`, and after `seconds` without one. An outage is told once, as `complaint`."""
    away = False
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), seconds)
        wake.clear()
        try:
            await work()
            away = False
        except DatabaseError as error:
            if not away:
                logger.error("%s: %s", complaint, str(error).strip())
            away = True
