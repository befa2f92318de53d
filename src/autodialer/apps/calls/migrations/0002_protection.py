from django.db import migrations

ATTEMPTS = """
CREATE FUNCTION calls_refuse_attempt_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Attempt % has ended: what became of it is never changed.', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'attempt_end_is_final';
END $$;

CREATE TRIGGER attempt_end_is_final
    BEFORE UPDATE OF target_id, e164, try_no, state, placed_at, rang_at, answered_at, ended_at,
                     status, reason, abandoned, estimated
    ON calls_attempt FOR EACH ROW WHEN (OLD.state = 'ended')
    EXECUTE FUNCTION calls_refuse_attempt_change();
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0001_initial")]
    operations = [
        migrations.RunSQL(
            ATTEMPTS,
            "DROP TRIGGER attempt_end_is_final ON calls_attempt;"
            "DROP FUNCTION calls_refuse_attempt_change;",
        ),
    ]
