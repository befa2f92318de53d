-- I5: Find campaigns whose ten counts do not add up to the size of their copy, or were kept wrongly.
WITH counted AS (
    -- As pages count.
    SELECT campaign_id, status, count(*) AS targets
      FROM campaigns_target
     GROUP BY campaign_id, status
), summed AS (
    -- Campaigns without any target too.
    SELECT c.id, c.target_count, c.final_counts, coalesce(sum(counted.targets), 0) AS targets,
           coalesce(jsonb_object_agg(counted.status, counted.targets)
                    FILTER (WHERE counted.status IS NOT NULL), '{}') AS by_status
      FROM campaigns_campaign AS c
      LEFT JOIN counted ON counted.campaign_id = c.id
     GROUP BY c.id
), broken AS (
    -- The rows that break the promise. Nothing is kept of a campaign that can still change.
    SELECT id FROM summed WHERE targets <> target_count OR final_counts <> by_status
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
