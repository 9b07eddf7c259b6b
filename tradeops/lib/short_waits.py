"""Sessions of PostgreSQL that neither wait long for a lock nor keep others waiting for theirs.

For processes that trade or stop trading. Migrations and restores may take longer: they keep the server's own settings.
"""

from __future__ import annotations

from django.db import connections

WAIT_SECONDS = 10
# A job may compute for a while between two statements.
JOB_IDLE_SECONDS = 60


def use_short_waits(*, idle_seconds: int | None = None) -> None:
    """To be called before the first connection. Whoever waits longer for a lock than WAIT_SECONDS gets an
    OperationalError; a transaction that is left open without a statement for that long, or for `idle_seconds` where it
    is told, is ended by the server.
    """
    options = connections.settings["default"]["OPTIONS"]
    short = f"-c lock_timeout={WAIT_SECONDS}s -c idle_in_transaction_session_timeout={idle_seconds or WAIT_SECONDS}s"
    options["options"] = f"{options.get('options', '')} {short}".strip()
