-- I15: Find deliveries that should have been tried a day ago: as long as a receiver may ask for.
WITH broken AS (
    -- The rows that break the promise.
    SELECT id
      FROM webhooks_delivery
     WHERE status = 'pending' AND due_at < %(now)s - interval '25 hours'
       AND (taken_until IS NULL OR taken_until < %(now)s - interval '1 hour')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
