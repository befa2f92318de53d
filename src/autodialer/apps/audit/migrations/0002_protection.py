from django.db import migrations

# Who could correct the log could hide in it, whatever connects: rows are only added.
ENTRIES = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only added to, never changed or deleted.'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();

CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.RunSQL(
            ENTRIES,
            "DROP TRIGGER audit_is_kept ON audit_auditentry;"
            "DROP TRIGGER audit_is_not_emptied ON audit_auditentry;"
            "DROP FUNCTION audit_refuse_change;",
        ),
    ]
