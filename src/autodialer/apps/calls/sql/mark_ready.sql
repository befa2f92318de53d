-- Store that a session's agent is connected; held: whether the node's lease is still ours.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), ready AS (
    -- Only once: a repeated report keeps the first time.
    UPDATE calls_session AS s
       SET status = 'ready', ready_at = %(at)s
      FROM lease
     WHERE s.id = %(session_id)s AND s.node_id = lease.id AND s.status = 'ringing'
    RETURNING s.id
)
SELECT EXISTS (SELECT FROM lease) AS held;
