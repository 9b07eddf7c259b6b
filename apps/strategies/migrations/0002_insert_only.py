"""The database itself refuses to change or delete a parameters revision; only which one is active may change."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION strategies_refuse_revision_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (to_jsonb(NEW) - 'is_active' - 'activated_at' - 'activated_by')
            = (to_jsonb(OLD) - 'is_active' - 'activated_at' - 'activated_by') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'strategies_parametersrevision is insert-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER strategies_parametersrevision_insert_only BEFORE UPDATE OR DELETE ON strategies_parametersrevision
    FOR EACH ROW EXECUTE FUNCTION strategies_refuse_revision_change();
"""

BACKWARD = """
DROP TRIGGER strategies_parametersrevision_insert_only ON strategies_parametersrevision;
DROP FUNCTION strategies_refuse_revision_change;
"""


class Migration(migrations.Migration):
    dependencies = [("strategies", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
