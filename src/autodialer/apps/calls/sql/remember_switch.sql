-- Store which run of the switch the node drives; no row: the lease is lost.
UPDATE calls_node SET switch_instance = %(instance)s, sip_url = %(sip_url)s
 WHERE id = %(node_id)s AND epoch = %(epoch)s
RETURNING TRUE AS held;
