-- Take what is due until a lease ends, fairly: of each lane as much as there is room for it.
-- Whatever waits in one lane costs the others one look into the index.
WITH RECURSIVE lanes AS (
    -- The lanes in which something waits.
    (SELECT d.lane FROM webhooks_delivery AS d WHERE d.status = 'pending' ORDER BY d.lane LIMIT 1)
     UNION ALL
    SELECT (SELECT d.lane FROM webhooks_delivery AS d
             WHERE d.status = 'pending' AND d.lane > lanes.lane
             ORDER BY d.lane
             LIMIT 1)
      FROM lanes
     WHERE lanes.lane IS NOT NULL
), rooms AS (
    -- What the courier can take of each; it names the lanes in which it has something already.
    SELECT lanes.lane, coalesce(named.room, %(room)s) AS room
      FROM lanes
      LEFT JOIN unnest(%(lanes)s::text[], %(rooms)s::int[]) AS named (lane, room)
        ON named.lane = lanes.lane
     WHERE lanes.lane IS NOT NULL
), due AS (
    -- The oldest, and one of the newest, so that a backlog does not hold up what happens now.
    SELECT each.id
      FROM rooms
     CROSS JOIN LATERAL (
         (SELECT old.id
            FROM (SELECT d.id FROM webhooks_delivery AS d
                   WHERE d.lane = rooms.lane AND d.status = 'pending' AND d.due_at <= %(now)s
                     AND (d.taken_until IS NULL OR d.taken_until <= %(now)s)
                   ORDER BY d.due_at
                   LIMIT rooms.room
                     FOR UPDATE SKIP LOCKED) AS old)
          UNION
         (SELECT new.id
            FROM (SELECT d.id FROM webhooks_delivery AS d
                   WHERE d.lane = rooms.lane AND d.status = 'pending' AND d.due_at <= %(now)s
                     AND (d.taken_until IS NULL OR d.taken_until <= %(now)s)
                   ORDER BY d.due_at DESC
                   LIMIT least(rooms.room, 1)
                     FOR UPDATE SKIP LOCKED) AS new)
     ) AS each
     WHERE rooms.room > 0
)
UPDATE webhooks_delivery AS d
   SET taken_until = %(taken_until)s
  FROM due
 WHERE d.id = due.id
RETURNING d.id;
