-- I4: Find targets that are in progress without a live call, or have one and are not in progress.
WITH broken AS (
    -- The rows that break the promise.
    SELECT t.id
      FROM campaigns_target AS t
     WHERE t.status IN ('in-progress', 'retrying')
       AND NOT EXISTS (SELECT FROM calls_attempt AS a
                        WHERE a.target_id = t.id AND a.state <> 'ended')
    UNION
    SELECT t.id
      FROM calls_attempt AS a
      JOIN campaigns_target AS t ON t.id = a.target_id
     WHERE a.state <> 'ended' AND t.status NOT IN ('in-progress', 'retrying')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
