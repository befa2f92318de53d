-- I20: Find deliveries of events, to endpoints or of campaigns of another account.
WITH broken AS (
    -- The rows that break the promise.
    SELECT d.id
      FROM webhooks_delivery AS d
      LEFT JOIN webhooks_event AS event ON event.id = d.event_id
      LEFT JOIN webhooks_endpoint AS e ON e.id = d.endpoint_id
      LEFT JOIN campaigns_campaign AS c ON c.id = event.campaign_id
     WHERE event.account_id IS DISTINCT FROM d.account_id
        OR e.account_id <> d.account_id
        OR c.account_id <> d.account_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
