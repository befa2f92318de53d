-- Send deliveries of a lane again, from the first try on: those named, or all that failed since.
WITH again AS (
    -- What waits is sent anyway.
    SELECT d.id
      FROM webhooks_delivery AS d
      JOIN webhooks_event AS event ON event.id = d.event_id
     WHERE d.lane = %(lane)s AND d.account_id = %(account_id)s
       AND (d.id = %(delivery_id)s::bigint AND d.status <> 'pending'
            OR %(delivery_id)s::bigint IS NULL AND d.status = 'failed'
               AND event.at >= %(since)s::timestamptz)
       FOR UPDATE OF d
)
UPDATE webhooks_delivery AS d
   SET status = 'pending', tries = 0, due_at = %(now)s, done_at = NULL, taken_until = NULL
  FROM again
 WHERE d.id = again.id;
