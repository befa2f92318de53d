from django.db import migrations

# The arithmetic of a purse is PostgreSQL's own: whoever books or holds, sums and balances agree.

# domain.money.Rate.cost in SQL, for the statements that hold and settle.
COST = """
CREATE FUNCTION billing_cost(first_s int, first_amount bigint, next_s int, next_amount bigint,
                             talk_s numeric) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (first_amount + ceil(greatest(talk_s - first_s, 0) / next_s) * next_amount)::bigint;
"""

PURSE = """
CREATE FUNCTION billing_refuse_purse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Purse %: % is refused.', NEW.account_id, TG_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER purse_covers_its_holds BEFORE UPDATE OF held ON billing_purse FOR EACH ROW
    WHEN (NEW.held > OLD.held AND NEW.mode = 'prepaid' AND NEW.held > NEW.balance)
    EXECUTE FUNCTION billing_refuse_purse_change();

CREATE TRIGGER purse_follows_ledger BEFORE UPDATE OF balance, held ON billing_purse FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION billing_refuse_purse_change();

CREATE TRIGGER purse_begins_empty BEFORE INSERT ON billing_purse FOR EACH ROW
    WHEN (NEW.balance <> 0 OR NEW.held <> 0) EXECUTE FUNCTION billing_refuse_purse_change();
"""

LEDGER = """
CREATE FUNCTION billing_book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE billing_purse SET balance = balance + NEW.amount WHERE account_id = NEW.account_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Account % has no purse.', NEW.account_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_has_a_purse';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER entry_is_booked AFTER INSERT ON billing_ledgerentry FOR EACH ROW
    EXECUTE FUNCTION billing_book();

CREATE FUNCTION billing_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are kept as they are: book an adjustment instead.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER ledger_is_kept BEFORE UPDATE OR DELETE ON billing_ledgerentry FOR EACH ROW
    EXECUTE FUNCTION billing_refuse_change();
"""

HOLDS = """
CREATE FUNCTION billing_reserve() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := CASE NEW.status WHEN 'open' THEN coalesce(NEW.reserved, 0) ELSE 0 END;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.status = 'open' THEN
        change := change - coalesce(OLD.reserved, 0);
    END IF;
    IF change <> 0 THEN
        UPDATE billing_purse SET held = held + change WHERE account_id = NEW.account_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'Account % has no purse.', NEW.account_id
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'hold_has_a_purse';
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER hold_is_reserved AFTER INSERT OR UPDATE ON billing_hold FOR EACH ROW
    EXECUTE FUNCTION billing_reserve();

CREATE TRIGGER hold_end_is_final BEFORE UPDATE ON billing_hold FOR EACH ROW
    WHEN (OLD.status <> 'open' OR NEW.leg <> OLD.leg OR NEW.account_id <> OLD.account_id)
    EXECUTE FUNCTION billing_refuse_change();

CREATE TRIGGER hold_is_kept BEFORE DELETE ON billing_hold FOR EACH ROW
    EXECUTE FUNCTION billing_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [
        migrations.RunSQL(COST, "DROP FUNCTION billing_cost(int, bigint, int, bigint, numeric);"),
        migrations.RunSQL(
            PURSE,
            "DROP TRIGGER purse_covers_its_holds ON billing_purse;"
            "DROP TRIGGER purse_follows_ledger ON billing_purse;"
            "DROP TRIGGER purse_begins_empty ON billing_purse;"
            "DROP FUNCTION billing_refuse_purse_change;",
        ),
        migrations.RunSQL(
            LEDGER,
            "DROP TRIGGER entry_is_booked ON billing_ledgerentry;"
            "DROP TRIGGER ledger_is_kept ON billing_ledgerentry;"
            "DROP FUNCTION billing_book;"
            "DROP FUNCTION billing_refuse_change CASCADE;",
        ),
        migrations.RunSQL(
            HOLDS,
            "DROP TRIGGER hold_is_reserved ON billing_hold;"
            "DROP TRIGGER IF EXISTS hold_end_is_final ON billing_hold;"
            "DROP TRIGGER IF EXISTS hold_is_kept ON billing_hold;"
            "DROP FUNCTION billing_reserve;",
        ),
    ]
