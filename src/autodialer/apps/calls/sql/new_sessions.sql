-- Return the sessions that were taken for a node and that its dialer does not know yet.
-- Asked after take_sessions, also finds those whose reply was lost the last time.
SELECT s.id AS session_id,
       coalesce(device.kind, '') AS device_kind,
       coalesce(device.address, '') AS device_address,
       caller.e164 AS caller_id,
       c.ring_timeout_s,
       c.idle_limit_s
  FROM calls_session AS s
  JOIN campaigns_campaign AS c ON c.id = s.campaign_id
  JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
  LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id
 WHERE s.node_id = %(node_id)s AND s.status <> 'ended' AND s.status = 'ringing'
   AND s.id <> ALL (%(known)s::uuid[])
 ORDER BY s.created_at, s.id;
