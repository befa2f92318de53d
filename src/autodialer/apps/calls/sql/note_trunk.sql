-- Store since when a node's trunk carries no calls, NULL: it does; no row: the lease is lost.
UPDATE calls_node SET trunk_silent_since = %(silent_since)s
 WHERE id = %(node_id)s AND epoch = %(epoch)s
RETURNING TRUE AS held;
