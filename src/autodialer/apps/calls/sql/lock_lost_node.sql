-- Wait until no statement of a lost node's dialer is in flight, and keep new ones out.
-- FOR UPDATE is the only lock that conflicts with the FOR KEY SHARE of those statements.
SELECT id FROM calls_node
 WHERE id = %(lost_id)s AND epoch = %(lost_epoch)s
   AND lease_until IS NOT DISTINCT FROM %(lost_until)s::timestamptz
   FOR UPDATE;
