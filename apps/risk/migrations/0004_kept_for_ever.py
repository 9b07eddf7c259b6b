"""Baselines and opening balances are written once."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION risk_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: its rows are neither changed nor deleted', TG_TABLE_NAME;
END $$;

CREATE TRIGGER risk_daybaseline_stays BEFORE UPDATE OR DELETE ON risk_daybaseline
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_openingbalance_stays BEFORE UPDATE OR DELETE ON risk_openingbalance
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
CREATE TRIGGER risk_breakerevent_stays BEFORE UPDATE OR DELETE ON risk_breakerevent
    FOR EACH ROW EXECUTE FUNCTION risk_refuse_change();
"""

BACKWARD = """
DROP TRIGGER risk_breakerevent_stays ON risk_breakerevent;
DROP TRIGGER risk_openingbalance_stays ON risk_openingbalance;
DROP TRIGGER risk_daybaseline_stays ON risk_daybaseline;
DROP FUNCTION risk_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("risk", "0003_breakers_breaks_baselines")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
