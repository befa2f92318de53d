-- Return what an account's audit log is about, by name: one step of the index for each kind, however
-- long the log is.
WITH RECURSIVE
kinds (kind) AS (
    -- The first kind, and after each the next one; NULL after the last.
    SELECT min(subject_kind) FROM audit_auditentry WHERE account_id = %(account_id)s
     UNION ALL
    SELECT (SELECT min(entry.subject_kind) FROM audit_auditentry AS entry
             WHERE entry.account_id = %(account_id)s AND entry.subject_kind > kinds.kind)
      FROM kinds
     WHERE kinds.kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL ORDER BY kind;
