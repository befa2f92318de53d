-- Name the present transaction, with the database cluster in which it has this name.
SELECT pg_current_xact_id()::xid::text || '@' || system_identifier FROM pg_control_system()
