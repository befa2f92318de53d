-- Give a lease back; the epoch grows, so that nothing of its holder is accepted afterwards.
UPDATE calls_node SET holder = '', lease_until = %(now)s, epoch = epoch + 1
 WHERE id = %(node_id)s AND epoch = %(epoch)s;
