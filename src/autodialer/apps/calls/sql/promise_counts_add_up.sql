-- I5: Find campaigns whose ten counts do not add up to the size of their copy.
WITH broken AS (
    -- The rows that break the promise.
    SELECT c.id
      FROM campaigns_campaign AS c
      LEFT JOIN campaigns_target AS t ON t.campaign_id = c.id
     GROUP BY c.id
    HAVING count(t.id) <> c.target_count
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
