"""The database itself wakes whoever hands out jobs, and gives the shipped jobs their policies of the new columns."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION jobs_announce_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_schedule', '');
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_schedule_announced AFTER INSERT OR UPDATE OR DELETE ON jobs_jobschedule
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_announce_schedule();
CREATE TRIGGER jobs_pause_announced AFTER INSERT OR UPDATE OR DELETE ON jobs_jobspause
    FOR EACH STATEMENT EXECUTE FUNCTION jobs_announce_schedule();

CREATE FUNCTION jobs_announce_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_schedule', '') FROM jobs_jobschedule
      WHERE enabled AND next_due_at <= clock_timestamp() AND NEW.job IN (job, depends_on) LIMIT 1;
    RETURN NULL;
END $$;

-- Only an end that some due schedule waits for is worth a wake-up: the queue ends thousands of runs.
CREATE TRIGGER jobs_end_announced AFTER UPDATE OF state ON jobs_jobrun
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state
                       AND NEW.state IN ('succeeded', 'failed', 'errored', 'cancelled'))
    EXECUTE FUNCTION jobs_announce_end();

UPDATE jobs_jobschedule SET catch_up = 'skip', grace_minutes = 420 WHERE job = 'daily_snapshot';
UPDATE jobs_jobschedule SET depends_on = 'weekly_rebalance', grace_minutes = 540 WHERE job = 'weekly_report';
"""

BACKWARD = """
DROP TRIGGER jobs_end_announced ON jobs_jobrun;
DROP FUNCTION jobs_announce_end;
DROP TRIGGER jobs_pause_announced ON jobs_jobspause;
DROP TRIGGER jobs_schedule_announced ON jobs_jobschedule;
DROP FUNCTION jobs_announce_schedule;
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_schedule_policies")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
