-- Give the node the oldest queued sessions; held: whether the node's lease is still ours.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), waiting AS (
    -- Skipping locked rows gives no session to two nodes.
    SELECT id
      FROM calls_session
     WHERE status = 'queued' AND EXISTS (SELECT FROM lease)
     ORDER BY created_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), taken AS (
    -- From here on the session is this node's until it ends.
    UPDATE calls_session AS s
       SET status = 'ringing', node_id = lease.id
      FROM lease, waiting
     WHERE s.id = waiting.id
)
SELECT EXISTS (SELECT FROM lease) AS held;
