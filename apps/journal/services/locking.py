from __future__ import annotations

from django.db import connection


def hold(name: str) -> None:
    """Wait until no other transaction holds `name`, and keep it to the end of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"journal:{name}"])
