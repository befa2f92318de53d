-- Store that the customer answered, unless the attempt has ended; held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), answered AS (
    -- Only once: a repeated report keeps the first time. A clock that went back shortens nothing.
    UPDATE calls_attempt AS a
       SET state = 'talking', answered_at = greatest(%(at)s::timestamptz, a.placed_at)
      FROM lease
     WHERE a.id = %(attempt_id)s AND a.node_id = lease.id AND a.state = 'dialing'
    RETURNING a.id
)
SELECT EXISTS (SELECT FROM lease) AS held;
