-- Store since when phones ring that do not yet talk, each once; held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), rang AS (
    -- What is answered or over by now is told of as such, and of its ringing no more.
    UPDATE calls_attempt AS a
       SET rang_at = greatest(news.at, a.placed_at)
      FROM lease,
           unnest(%(attempt_ids)s::uuid[], %(ats)s::timestamptz[]) AS news (attempt_id, at)
     WHERE a.id = news.attempt_id AND a.node_id = lease.id AND a.state = 'dialing'
       AND a.rang_at IS NULL
    RETURNING a.id
)
SELECT EXISTS (SELECT FROM lease) AS held;
