-- I13: Find targets whose history has a gap, a move that is not legal, or another end than now.
WITH steps AS (
    -- Each change beside the one before it.
    SELECT target_id, old, new,
           lag(new) OVER (PARTITION BY target_id ORDER BY id) AS before,
           lead(new) OVER (PARTITION BY target_id ORDER BY id) AS after
      FROM campaigns_targetchange
), broken AS (
    -- The rows that break the promise.
    SELECT steps.target_id AS id
      FROM steps
      JOIN campaigns_target AS t ON t.id = steps.target_id
     WHERE steps.old <> coalesce(steps.before, 'scheduled')
        OR steps.old || '>' || steps.new <> ALL (%(target_moves)s)
        OR steps.after IS NULL AND steps.new <> t.status
    UNION
    -- Whatever is not as it was made has a history.
    SELECT t.id
      FROM campaigns_target AS t
     WHERE t.status NOT IN ('scheduled', 'invalid')
       AND NOT EXISTS (SELECT FROM campaigns_targetchange AS h WHERE h.target_id = t.id)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
