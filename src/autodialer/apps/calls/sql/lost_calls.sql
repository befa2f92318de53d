-- Return live calls of nodes that were given up: the asker's own, and those that are surely over.
SELECT a.id AS attempt_id, a.target_id, a.campaign_id, a.e164, a.caller_id, a.try_no,
       c.retries, c.retry_statuses, c.retry_interval_min, c.retry_mechanism, c.ring_timeout_s,
       c.max_talk_s, a.placed_at, a.answered_at,
       a.lost_at, a.node_id = %(node_id)s AS is_ours
  FROM calls_attempt AS a
  JOIN calls_node AS n ON n.id = a.node_id
  JOIN campaigns_campaign AS c ON c.id = a.campaign_id
 WHERE a.lost_at IS NOT NULL AND a.state <> 'ended'
   AND (a.node_id = %(node_id)s
        OR n.removed_at IS NOT NULL
        -- domain.nodes.surely_over_at in SQL.
        OR coalesce(a.answered_at, a.placed_at + make_interval(secs => c.ring_timeout_s))
           + make_interval(secs => c.max_talk_s) + %(margin)s::interval <= %(now)s::timestamptz)
 ORDER BY a.placed_at, a.id;
