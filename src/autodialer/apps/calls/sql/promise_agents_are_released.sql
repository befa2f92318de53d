-- I17: Find sessions that live on although their campaign was over long before.
WITH over AS (
    -- When each campaign was over for good.
    SELECT campaign_id, min(at) AS at
      FROM campaigns_campaignchange
     WHERE new IN ('completed', 'archived')
     GROUP BY campaign_id
), broken AS (
    -- The rows that break the promise.
    SELECT s.id
      FROM calls_session AS s
      JOIN campaigns_campaign AS c ON c.id = s.campaign_id
      JOIN over ON over.campaign_id = c.id
     WHERE s.status <> 'ended'
       -- The last talk may be finished; 90 s as for calls.
       AND over.at < %(now)s::timestamptz
                     - make_interval(secs => c.ring_timeout_s + c.max_talk_s + 90)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
