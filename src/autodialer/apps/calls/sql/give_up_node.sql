-- Fence a node that was locked as lost, end its sessions and forget its phones; its calls stay live.
WITH lease AS (
    -- Locked against a takeover of the asker's own node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), lost AS (
    -- Not if its dialer has come back since it was seen.
    UPDATE calls_node AS n
       SET epoch = n.epoch + 1, holder = '', lease_until = least(n.lease_until, %(now)s)
     WHERE n.id = %(lost_id)s AND n.epoch = %(lost_epoch)s
       AND n.lease_until IS NOT DISTINCT FROM %(lost_until)s::timestamptz
       AND EXISTS (SELECT FROM lease)
    RETURNING n.id
), ended AS (
    -- Their agents may press Start again at once.
    UPDATE calls_session AS s
       SET status = 'ended', ended_at = %(now)s, end_reason = 'node_lost'
      FROM lost
     WHERE s.node_id = lost.id AND s.status <> 'ended'
    RETURNING s.id, greatest(s.ended_at, s.ready_at) - s.ready_at AS talk
), left_behind AS (
    -- Whatever they are doing now: lost_calls finds them.
    UPDATE calls_attempt AS a
       SET lost_at = %(now)s
      FROM ended
     WHERE a.session_id = ended.id AND a.state <> 'ended'
), phones AS (
    -- Where they are registered now, a living node will say.
    UPDATE agents_agentdevice AS device
       SET registered_at = NULL, registered_node = NULL
      FROM lost
     WHERE device.registered_node = lost.id
)
-- settled: what the agents' legs reserved, with a charge where the agent was connected.
SELECT EXISTS (SELECT FROM lease) AS held, ARRAY(SELECT id FROM ended) AS sessions,
       ARRAY(SELECT pg_temp.billing_settle(id, talk, %(now)s)::text FROM ended) AS settled;
