-- I4: Find calls that are live for longer than a call of their campaign can last.
WITH broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     WHERE a.state <> 'ended'
       -- 90 s: as long as a dialer may take to notice after a crash.
       AND a.placed_at < %(now)s::timestamptz
                         - make_interval(secs => c.ring_timeout_s + c.max_talk_s + 90)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
