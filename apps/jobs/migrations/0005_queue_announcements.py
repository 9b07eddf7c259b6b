"""The database itself announces new entries of the queue, and finds the oldest due one at any backlog."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION jobs_announce_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_queue', '');
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_queue_announced AFTER INSERT ON django_q_ormq
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_announce_entries();

CREATE INDEX jobs_queue_oldest ON django_q_ormq (lock, id);
"""

BACKWARD = """
DROP INDEX jobs_queue_oldest;
DROP TRIGGER jobs_queue_announced ON django_q_ormq;
DROP FUNCTION jobs_announce_entries();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0004_schedule_notifications"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
