-- Name the present transaction.
SELECT pg_current_xact_id()::xid::text
