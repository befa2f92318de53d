-- Return which run of the switch the node drove last; no row: the lease is lost.
SELECT switch_instance FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s;
