-- I1: Find targets with more or fewer calls than tries, or more tries than their campaign allows.
WITH calls AS (
    -- A call that was surely never sent is no try.
    SELECT target_id, count(*) AS made
      FROM calls_attempt
     WHERE try_no IS NOT NULL
     GROUP BY target_id
), broken AS (
    -- The rows that break the promise.
    SELECT t.id
      FROM campaigns_target AS t
      JOIN campaigns_campaign AS c ON c.id = t.campaign_id
      LEFT JOIN calls ON calls.target_id = t.id
     WHERE t.tries <> coalesce(calls.made, 0) OR t.tries > 1 + c.retries
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
