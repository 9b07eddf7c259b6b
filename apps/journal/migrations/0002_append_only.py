"""Numbers at commit, NOTIFY at commit, and a refusal of update, delete and truncate by the database itself."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE journal_event_number AS bigint;

-- Runs at the very end of the transaction (deferred). The lock is held from here to the end of the commit, so numbers
-- become visible in their own order: whoever has read number n has missed nothing below it.
CREATE FUNCTION journal_number_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    next_number bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('journal_event_number', 0));
    next_number := nextval('journal_event_number');
    UPDATE journal_event SET number = next_number WHERE id = NEW.id;
    PERFORM pg_notify('journal_event', next_number::text);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journal_event_numbered AFTER INSERT ON journal_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_number_event();

CREATE FUNCTION journal_clear_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.number := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER journal_event_unnumbered BEFORE INSERT ON journal_event
    FOR EACH ROW EXECUTE FUNCTION journal_clear_number();

-- Allows exactly one change: the number, once, from nothing.
CREATE FUNCTION journal_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.number IS NULL AND NEW.number IS NOT NULL
            AND (to_jsonb(NEW) - 'number') = (to_jsonb(OLD) - 'number') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'journal_event is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER journal_event_append_only BEFORE UPDATE OR DELETE ON journal_event
    FOR EACH ROW EXECUTE FUNCTION journal_refuse_change();
CREATE TRIGGER journal_event_no_truncate BEFORE TRUNCATE ON journal_event
    FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse_change();
"""

BACKWARD = """
DROP TRIGGER journal_event_no_truncate ON journal_event;
DROP TRIGGER journal_event_append_only ON journal_event;
DROP TRIGGER journal_event_unnumbered ON journal_event;
DROP TRIGGER journal_event_numbered ON journal_event;
DROP FUNCTION journal_refuse_change;
DROP FUNCTION journal_clear_number;
DROP FUNCTION journal_number_event;
DROP SEQUENCE journal_event_number;
"""


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
