"""Is the database there? Answered quickly also when it is not."""

from __future__ import annotations

from typing import Any

from django.db import InterfaceError, OperationalError, connection

from apps.console.selectors.bounded import bounded_read
from apps.console.texts import one_line
from apps.console.vitals import vitals


def database_health() -> dict[str, Any]:
    error = vitals.database_error() or look()
    return {
        "status": "degraded" if error else "ok",
        "db_ok": not error,
        "db_error": error or None,
        "db_path": database_path(),
        "problems": [finding.sentence for finding in vitals.findings()],
    }


def look() -> str:
    """Why the database does not answer, empty when it does."""
    try:
        with bounded_read(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError) as error:
        return one_line(error)
    return ""


def database_path() -> str:
    """The address without user and password."""
    settings = connection.settings_dict
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{settings['HOST'] or 'localhost'}{port}/{settings['NAME']}"
