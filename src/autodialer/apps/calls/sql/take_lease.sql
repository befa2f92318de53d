-- Take the lease of a locked node when it is free, expired or this holder's already.
UPDATE calls_node
   SET epoch = CASE WHEN holder = %(holder)s THEN epoch ELSE epoch + 1 END,
       holder = %(holder)s,
       lease_until = %(until)s,
       capacity = %(capacity)s,
       -- What the dialer before has just sent counts until this one has counted for a second.
       trunk_starts = CASE WHEN lease_until + %(second)s > %(now)s THEN trunk_starts ELSE 0 END
 WHERE name = %(node)s AND removed_at IS NULL
   AND (holder IN ('', %(holder)s) OR lease_until IS NULL OR lease_until <= %(now)s)
RETURNING id AS node_id, epoch;
