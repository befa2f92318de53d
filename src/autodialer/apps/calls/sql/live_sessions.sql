-- Return a node's sessions that have not ended, each with its live call if it has one.
SELECT s.id AS session_id, s.ready_at, c.idle_limit_s,
       a.id AS attempt_id, a.target_id, a.campaign_id, a.e164, a.caller_id, a.try_no,
       c.retries, c.retry_statuses, c.retry_interval_min, c.retry_mechanism, c.ring_timeout_s,
       c.max_talk_s, a.placed_at, a.answered_at,
       -- A device that was removed meanwhile may have been a telephone.
       coalesce(device.kind = 'phone', TRUE) AS is_by_trunk
  FROM calls_session AS s
  JOIN campaigns_campaign AS c ON c.id = s.campaign_id
  LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id
  LEFT JOIN calls_attempt AS a ON a.session_id = s.id AND a.state <> 'ended'
 WHERE s.node_id = %(node_id)s AND s.status <> 'ended'
 ORDER BY s.created_at, s.id;
