-- I17: Find campaigns that were completed more than once.
WITH broken AS (
    -- The rows that break the promise.
    SELECT campaign_id AS id
      FROM campaigns_campaignchange
     WHERE new = 'completed'
     GROUP BY campaign_id
    HAVING count(*) > 1
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
