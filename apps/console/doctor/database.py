"""Checks of the database: reachable, migrated, same clock."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from apps.console.doctor.verdicts import Check, fail, ok
from apps.console.health.rules import LARGEST_SKEW_SECONDS
from apps.console.selectors.health import clock_skew_seconds

OLDEST_SERVER = 150000


def check_database() -> list[Check]:
    """Reachability first; without it the others cannot be asked."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        return [fail("database", reason, "Start it with `manage.py up`, or set DATABASE_URL to a running PostgreSQL.")]
    return [_check_version(), _check_migrations(), _check_clock()]


def _check_version() -> Check:
    version = connection.pg_version  # type: ignore[attr-defined]
    detail = f"PostgreSQL {version // 10000}.{version % 10000} at {connection.settings_dict['HOST']}"
    if version < OLDEST_SERVER:
        return fail("database", detail, "Use PostgreSQL 15 or newer.")
    return ok("database", detail)


def _check_migrations() -> Check:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        return fail("migrations", f"{len(pending)} not applied", "Run `manage.py migrate`.")
    return ok("migrations", "database initialised, all applied")


def _check_clock() -> Check:
    skew = clock_skew_seconds()
    if skew > LARGEST_SKEW_SECONDS:
        return fail("clock", f"{skew:.1f} s apart from the database", "Synchronise both machines' clocks (NTP).")
    return ok("clock", f"{skew:.1f} s apart from the database")
