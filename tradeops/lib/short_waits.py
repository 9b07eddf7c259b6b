"""Sessions of PostgreSQL that neither wait long for a lock nor keep others waiting for theirs.

For processes that trade or stop trading. Migrations and restores may take longer: they keep the server's own settings.
"""

from __future__ import annotations

from django.db import connections

WAIT_SECONDS = 10


def use_short_waits() -> None:
    """To be called before the first connection. Whoever waits longer for a lock gets an OperationalError; a transaction
    that is left open without a statement is ended by the server.
    """
    options = connections.settings["default"]["OPTIONS"]
    milliseconds = WAIT_SECONDS * 1000
    short = f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds}"
    options["options"] = f"{options.get('options', '')} {short}".strip()
