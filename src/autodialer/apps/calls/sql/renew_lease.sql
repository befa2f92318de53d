-- Keep a lease until a later time; no row: it is lost.
UPDATE calls_node SET lease_until = %(until)s
 WHERE id = %(node_id)s AND epoch = %(epoch)s
RETURNING TRUE AS held;
