-- End a session that has no live call; busy: it has one. held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), live AS (
    -- The customer of an ended session would belong to nobody.
    SELECT id FROM calls_attempt WHERE session_id = %(session_id)s AND state <> 'ended'
), ended AS (
    -- Only once: the first reason stays.
    UPDATE calls_session AS s
       SET status = 'ended', ended_at = %(at)s, end_reason = %(reason)s
      FROM lease
     WHERE s.id = %(session_id)s AND s.node_id = lease.id AND s.status <> 'ended'
       AND NOT EXISTS (SELECT FROM live)
    RETURNING s.id, greatest(s.ended_at, s.ready_at) - s.ready_at AS talk
)
-- settled: what the agent's leg reserved, with a charge if the agent was connected.
SELECT EXISTS (SELECT FROM lease) AS held, EXISTS (SELECT FROM live) AS busy,
       ARRAY(SELECT pg_temp.billing_settle(id, talk, %(at)s)::text FROM ended) AS settled;
