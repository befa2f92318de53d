from django.db import migrations

# A promise that only code keeps is broken by the next script: what users were told is final
# stays so, and what happened cannot be rewritten, whoever connects.

TARGETS = """
CREATE FUNCTION campaigns_refuse_target_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Target % is % for good: a final status is never changed.', OLD.id, OLD.status
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'target_end_is_final';
END $$;

CREATE TRIGGER target_end_is_final BEFORE UPDATE OF status ON campaigns_target FOR EACH ROW
    WHEN (OLD.status NOT IN ('scheduled', 'in-progress', 'retry', 'retrying')
          AND NEW.status <> OLD.status)
    EXECUTE FUNCTION campaigns_refuse_target_change();
"""

HISTORY = """
CREATE FUNCTION campaigns_refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are history: they are only added, never changed or deleted.',
        TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER target_history_is_kept BEFORE UPDATE OR DELETE ON campaigns_targetchange
    FOR EACH ROW EXECUTE FUNCTION campaigns_refuse_history_change();

CREATE TRIGGER campaign_history_is_kept BEFORE UPDATE OR DELETE ON campaigns_campaignchange
    FOR EACH ROW EXECUTE FUNCTION campaigns_refuse_history_change();
"""


# Hours of one day, so a time less a time; Django has no such expression.
WINDOW = """
ALTER TABLE campaigns_campaign ADD CONSTRAINT campaign_window_holds_a_ring
    CHECK (window_closes - window_opens >= make_interval(secs => ring_timeout_s));
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]
    operations = [
        migrations.RunSQL(
            WINDOW,
            "ALTER TABLE campaigns_campaign DROP CONSTRAINT campaign_window_holds_a_ring;",
        ),
        migrations.RunSQL(
            TARGETS,
            "DROP TRIGGER target_end_is_final ON campaigns_target;"
            "DROP FUNCTION campaigns_refuse_target_change;",
        ),
        migrations.RunSQL(
            HISTORY,
            "DROP TRIGGER target_history_is_kept ON campaigns_targetchange;"
            "DROP TRIGGER campaign_history_is_kept ON campaigns_campaignchange;"
            "DROP FUNCTION campaigns_refuse_history_change;",
        ),
    ]
