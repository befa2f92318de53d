-- Keep the counts of campaigns that are over and have no live call: they never change any more.
WITH over AS (
    -- A few at a time, so that no statement lasts; one that is being moved waits for the next time.
    SELECT c.id
      FROM campaigns_campaign AS c
     WHERE c.status IN ('completed', 'archived') AND c.final_counts IS NULL
       AND NOT EXISTS (SELECT FROM campaigns_target AS t
                        WHERE t.campaign_id = c.id AND t.status IN ('in-progress', 'retrying'))
     ORDER BY c.id
     LIMIT %(limit)s
       FOR NO KEY UPDATE SKIP LOCKED
), counted AS (
    -- No row for a status that no target has.
    SELECT t.campaign_id, t.status, count(*) AS targets
      FROM campaigns_target AS t
     WHERE t.campaign_id IN (SELECT id FROM over)
     GROUP BY t.campaign_id, t.status
)
UPDATE campaigns_campaign AS c
   SET final_counts = (SELECT coalesce(jsonb_object_agg(counted.status, counted.targets), '{}')
                         FROM counted WHERE counted.campaign_id = c.id)
  FROM over
 WHERE c.id = over.id
