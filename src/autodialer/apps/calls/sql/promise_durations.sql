-- I18: Find calls and sessions that ended before they began.
WITH broken AS (
    -- The rows that break the promise.
    SELECT id
      FROM calls_attempt
     WHERE answered_at < placed_at OR ended_at < placed_at OR ended_at < answered_at
    UNION ALL
    -- Web server and dialer date a session; their clocks may differ by a second.
    SELECT id
      FROM calls_session
     WHERE ended_at < created_at - interval '1 second' OR ended_at < ready_at
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
