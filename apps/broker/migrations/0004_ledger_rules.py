"""What the database itself guarantees of the ledger: legal transitions, intents that stay as approved, a history that
only grows, and the announcements that the gateway acts on."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION broker_order_may_follow(before text, after text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT after = ANY (CASE before
        WHEN 'proposed' THEN ARRAY['approved', 'denied', 'cancelled', 'expired']
        WHEN 'approved' THEN ARRAY['submitting', 'denied', 'cancelled', 'expired']
        WHEN 'submitting' THEN
            ARRAY['working', 'filled', 'cancelled', 'rejected', 'expired', 'unresolved', 'approved', 'denied']
        WHEN 'unresolved' THEN ARRAY['working', 'filled', 'cancelled', 'rejected', 'expired', 'approved']
        WHEN 'working' THEN ARRAY['filled', 'cancelled', 'rejected', 'expired', 'unresolved']
        WHEN 'cancelled' THEN ARRAY['working', 'filled']
        WHEN 'rejected' THEN ARRAY['working', 'filled']
        WHEN 'expired' THEN ARRAY['working', 'filled']
        ELSE ARRAY[]::text[] END)
$$;

CREATE FUNCTION broker_order_check_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'proposed' AND NOT NEW.is_external THEN
        RAISE EXCEPTION 'an order begins as proposed, not as %', NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION broker_order_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND NOT broker_order_may_follow(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'order %: % cannot follow %', OLD.id, NEW.state, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.id, NEW.idempotency_key, NEW.account_id, NEW.instrument_id, NEW.side, NEW.purpose, NEW.is_external)
        IS DISTINCT FROM
        (OLD.id, OLD.idempotency_key, OLD.account_id, OLD.instrument_id, OLD.side, OLD.purpose, OLD.is_external) THEN
        RAISE EXCEPTION 'order %: what it is cannot change', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF (NEW.quantity, NEW.order_type, NEW.limit_price, NEW.stop_price, NEW.trailing_amount, NEW.trailing_fraction,
        NEW.time_in_force)
        IS DISTINCT FROM
        (OLD.quantity, OLD.order_type, OLD.limit_price, OLD.stop_price, OLD.trailing_amount, OLD.trailing_fraction,
        OLD.time_in_force)
        AND OLD.state <> 'proposed' AND OLD.wanted_changes = '{}'::jsonb AND NOT OLD.is_external THEN
        RAISE EXCEPTION 'order %: its terms cannot change without a modification', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.perm_id IS NOT NULL AND NEW.perm_id IS DISTINCT FROM OLD.perm_id THEN
        RAISE EXCEPTION 'order %: its permanent id cannot change', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION broker_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION broker_announce_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER broker_order_begins BEFORE INSERT ON broker_order
    FOR EACH ROW EXECUTE FUNCTION broker_order_check_insert();
CREATE TRIGGER broker_order_lawful BEFORE UPDATE ON broker_order
    FOR EACH ROW EXECUTE FUNCTION broker_order_check_update();
CREATE TRIGGER broker_order_stays BEFORE DELETE ON broker_order
    FOR EACH ROW EXECUTE FUNCTION broker_refuse_change();
CREATE TRIGGER broker_order_announced
    AFTER INSERT OR UPDATE OF state, filled_quantity, cancel_requested_at, wanted_changes ON broker_order
    FOR EACH ROW EXECUTE FUNCTION broker_announce_row('broker_order');
CREATE TRIGGER broker_orderevent_append_only BEFORE UPDATE OR DELETE ON broker_orderevent
    FOR EACH ROW EXECUTE FUNCTION broker_refuse_change();
CREATE TRIGGER broker_tradingstate_announced AFTER INSERT OR UPDATE ON broker_tradingstate
    FOR EACH ROW EXECUTE FUNCTION broker_announce_row('broker_trading_state');
CREATE TRIGGER broker_emergencyrun_stays BEFORE DELETE ON broker_emergencyrun
    FOR EACH ROW EXECUTE FUNCTION broker_refuse_change();
CREATE TRIGGER broker_emergencyrun_announced AFTER INSERT OR UPDATE ON broker_emergencyrun
    FOR EACH ROW EXECUTE FUNCTION broker_announce_row('broker_emergency');
"""

BACKWARD = """
DROP TRIGGER broker_emergencyrun_announced ON broker_emergencyrun;
DROP TRIGGER broker_emergencyrun_stays ON broker_emergencyrun;
DROP TRIGGER broker_tradingstate_announced ON broker_tradingstate;
DROP TRIGGER broker_orderevent_append_only ON broker_orderevent;
DROP TRIGGER broker_order_announced ON broker_order;
DROP TRIGGER broker_order_stays ON broker_order;
DROP TRIGGER broker_order_lawful ON broker_order;
DROP TRIGGER broker_order_begins ON broker_order;
DROP FUNCTION broker_announce_row;
DROP FUNCTION broker_refuse_change;
DROP FUNCTION broker_order_check_update;
DROP FUNCTION broker_order_check_insert;
DROP FUNCTION broker_order_may_follow;
"""


class Migration(migrations.Migration):
    dependencies = [("broker", "0003_ledger")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
