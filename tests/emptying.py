"""Empty tables between transactional tests, in one statement instead of Django's TRUNCATE of every table.

Rows that migrations made are put back. Nobody waits: a TRUNCATE would, for whatever connection a test left open.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import TransactionTestCase

from apps.jobs import services as jobs
from apps.jobs.models import JobSchedule
from tradeops.lib import clock

# Triggers and foreign keys sleep meanwhile: the journal refuses every delete, and the order of tables is no matter.
PREPARE = """
CREATE SCHEMA after_migration;
CREATE FUNCTION after_migration.keep() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; filled boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE after_migration.%I AS TABLE public.%I', name, name);
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION after_migration.put_back() RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text; filled boolean; kept boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        CONTINUE WHEN NOT filled;
        EXECUTE format('DELETE FROM public.%I', name);
    END LOOP;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'after_migration' LOOP
        EXECUTE format('INSERT INTO public.%I SELECT * FROM after_migration.%I', name, name);
    END LOOP;
    SET LOCAL session_replication_role = DEFAULT;
END $$;
"""


def prepare() -> None:
    """Once for each database, right after its migrations."""
    JobSchedule.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(PREPARE)
        cursor.execute("SELECT after_migration.keep()")
    jobs.ensure_schedules(now=clock.now())
    TransactionTestCase._fixture_teardown = empty  # type: ignore[method-assign]


def empty(*_: Any) -> None:
    """As it was after the migrations. Schedules are made anew: their next time is in the future."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT after_migration.put_back()")
    jobs.ensure_schedules(now=clock.now())
