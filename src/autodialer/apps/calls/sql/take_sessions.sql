-- Give the node the oldest queued sessions, and end those whose Start is no longer wanted.
WITH queue AS (
    -- An agent's own phone is at one node, and only that one can call it.
    SELECT s.id, s.created_at, home.id AS home_id
      FROM calls_session AS s
      LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id AND device.kind <> 'phone'
      LEFT JOIN calls_node AS home
        ON home.id = device.registered_node AND home.lease_until > %(now)s
     WHERE s.status = 'queued'
     ORDER BY s.created_at, s.id
     LIMIT 1000
), lease AS (
    -- Locked against a takeover of the node until this commits. Only when somebody waits: a lock is
    -- a write, and every node asks every second.
    SELECT id, draining_since IS NOT NULL AS is_draining
      FROM calls_node
     WHERE id = %(node_id)s AND epoch = %(epoch)s AND EXISTS (SELECT FROM queue)
       FOR KEY SHARE
), room AS (
    -- The nodes that may take sessions, with those that they have.
    SELECT n.id, n.capacity, taken.number AS taken
      FROM calls_node AS n
     CROSS JOIN LATERAL (
         SELECT count(*) AS number FROM calls_session AS s
          WHERE s.node_id = n.id AND s.status <> 'ended'
     ) AS taken
     WHERE EXISTS (SELECT FROM queue WHERE home_id IS NULL)
       AND n.draining_since IS NULL AND n.removed_at IS NULL AND n.capacity > 0
       AND (n.id = %(node_id)s OR n.lease_until > %(now)s)
), seat AS (
    -- domain.nodes.seats in SQL.
    SELECT room.id AS node_id,
           row_number() OVER (ORDER BY before.number::float8 / room.capacity, room.id) AS place
      FROM room
     CROSS JOIN LATERAL generate_series(
         room.taken, least(room.capacity, room.taken + (SELECT count(*) FROM queue)) - 1
     ) AS before (number)
), mine AS (
    -- A node that is drained only refuses those whose phone it has.
    SELECT placed.id
      FROM (SELECT *, row_number() OVER (PARTITION BY home_id ORDER BY created_at, id) AS place
              FROM queue) AS placed
     CROSS JOIN lease
      LEFT JOIN seat ON seat.place = placed.place AND placed.home_id IS NULL
     WHERE placed.home_id = lease.id
        OR placed.home_id IS NULL AND NOT lease.is_draining
           AND (seat.node_id = lease.id OR placed.created_at <= %(anywhere)s)
), waiting AS (
    -- Skipping locked rows gives no session to two nodes.
    SELECT id, campaign_id, created_at
      FROM calls_session
     WHERE status = 'queued' AND id IN (SELECT id FROM mine)
     ORDER BY created_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), judged AS (
    -- No phone rings for a Start that was pressed long ago, nor for a campaign that cannot dial.
    SELECT waiting.id,
           CASE WHEN (SELECT is_draining FROM lease) THEN 'node_drained'
                WHEN waiting.created_at < %(oldest)s::timestamptz THEN 'start_expired'
                WHEN c.status IN ('completed', 'archived') OR c.ends_at <= %(now)s
                THEN 'campaign_completed'
                WHEN c.status = 'paused' THEN 'paused'
                -- Closed now and for as long as the agent would wait (domain.window.may_ring).
                WHEN NOT EXISTS (
                    SELECT
                      FROM (VALUES (0), (c.idle_limit_s)) AS wait(seconds)
                     CROSS JOIN LATERAL (
                         SELECT %(now)s::timestamptz + make_interval(secs => wait.seconds) AS at
                     ) AS moment
                     CROSS JOIN LATERAL (
                         SELECT moment.at AT TIME ZONE account.zone AS shown
                     ) AS wall
                     WHERE wall.shown::time >= greatest(account.window_opens, c.window_opens)
                       AND moment.at + make_interval(secs => c.ring_timeout_s)
                           <= (wall.shown::date + least(account.window_closes, c.window_closes))
                              AT TIME ZONE account.zone)
                THEN 'outside_window' END AS refusal
      FROM waiting
      JOIN campaigns_campaign AS c ON c.id = waiting.campaign_id
      JOIN accounts_account AS account ON account.id = c.account_id
), taken AS (
    -- From here on the session is this node's until it ends.
    UPDATE calls_session AS s
       SET node_id = lease.id,
           status = CASE WHEN judged.refusal IS NULL THEN 'ringing' ELSE 'ended' END,
           end_reason = coalesce(judged.refusal, ''),
           ended_at = CASE WHEN judged.refusal IS NOT NULL THEN %(now)s::timestamptz END
      FROM lease, judged
     WHERE s.id = judged.id
), voided AS (
    -- What Start has reserved for an agent who is not called.
    UPDATE billing_hold AS h
       SET status = 'voided', closed_at = %(now)s
      FROM lease, judged
     WHERE h.leg = judged.id AND judged.refusal IS NOT NULL AND h.status = 'open'
)
-- refused: those whose agents must be told.
SELECT CASE WHEN EXISTS (SELECT FROM queue) THEN EXISTS (SELECT FROM lease)
            ELSE EXISTS (SELECT FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s)
       END AS held,
       ARRAY(SELECT id FROM judged WHERE refusal IS NOT NULL) AS refused;
