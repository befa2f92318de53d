-- I17: Find targets that wait to be called in a campaign that is over.
WITH broken AS (
    -- The rows that break the promise.
    SELECT t.id
      FROM campaigns_campaign AS c
      JOIN campaigns_target AS t ON t.campaign_id = c.id
     WHERE c.status IN ('completed', 'archived') AND t.status IN ('scheduled', 'retry')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
