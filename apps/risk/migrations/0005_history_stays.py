"""Verdicts are written once; of a limit's revision only its state changes."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER risk_orderverdict_stays BEFORE UPDATE OR DELETE ON risk_orderverdict
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();

CREATE FUNCTION risk_limitrevision_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.name, NEW.scope, NEW.target, NEW.value, NEW.reason, NEW.loosens, NEW.proposed_by, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.name, OLD.scope, OLD.target, OLD.value, OLD.reason, OLD.loosens, OLD.proposed_by, OLD.proposed_at)
       OR NEW.expires_at IS DISTINCT FROM OLD.expires_at OR NEW.replaces_id IS DISTINCT FROM OLD.replaces_id THEN
        RAISE EXCEPTION 'what a limit was set to is never changed: write a new revision';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_limitrevision_lawful BEFORE UPDATE ON risk_limitrevision
    FOR EACH ROW EXECUTE FUNCTION risk_limitrevision_check();
CREATE TRIGGER risk_limitrevision_stays BEFORE DELETE ON risk_limitrevision
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
"""

BACKWARD = """
DROP TRIGGER risk_limitrevision_stays ON risk_limitrevision;
DROP TRIGGER risk_limitrevision_lawful ON risk_limitrevision;
DROP FUNCTION risk_limitrevision_check;
DROP TRIGGER risk_orderverdict_stays ON risk_orderverdict;
"""


class Migration(migrations.Migration):
    dependencies = [("risk", "0004_kept_for_ever")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
