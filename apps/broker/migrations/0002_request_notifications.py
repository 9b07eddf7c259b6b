"""The database itself announces questions and answers, so that no writer can forget to."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION broker_announce_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM pg_notify('broker_request', NEW.id::text);
    ELSIF NEW.state IN ('known', 'unknown') AND OLD.state IS DISTINCT FROM NEW.state THEN
        PERFORM pg_notify('broker_answer', NEW.id::text);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER broker_request_announced AFTER INSERT OR UPDATE OF state ON broker_request
    FOR EACH ROW EXECUTE FUNCTION broker_announce_request();
"""

BACKWARD = """
DROP TRIGGER broker_request_announced ON broker_request;
DROP FUNCTION broker_announce_request;
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
