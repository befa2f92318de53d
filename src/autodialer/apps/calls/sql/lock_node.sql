-- Wait until no statement under the present lease is in flight, and keep new ones out.
-- FOR UPDATE is the only lock that conflicts with the FOR KEY SHARE of those statements.
-- No row: no such node belongs to the installation.
SELECT id, holder, lease_until FROM calls_node
 WHERE name = %(node)s AND removed_at IS NULL
   FOR UPDATE;
