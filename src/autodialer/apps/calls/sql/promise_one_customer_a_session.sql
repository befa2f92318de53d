-- I3: Find calls that were placed before the last one of the same session had ended.
WITH calls AS (
    -- Also past ones; a session stays on one node, so one clock dated all of them.
    SELECT id, placed_at,
           lag(coalesce(ended_at, 'infinity')) OVER (PARTITION BY session_id
                                                         ORDER BY placed_at, ended_at) AS last_end
      FROM calls_attempt
     WHERE try_no IS NOT NULL
), broken AS (
    -- The rows that break the promise.
    SELECT id FROM calls WHERE placed_at < last_end
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
