-- I13: Find campaigns whose history has a gap, a move that is not legal, or another end than now.
WITH steps AS (
    -- Each change beside the one before it.
    SELECT campaign_id, old, new,
           lag(new) OVER (PARTITION BY campaign_id ORDER BY id) AS before,
           lead(new) OVER (PARTITION BY campaign_id ORDER BY id) AS after
      FROM campaigns_campaignchange
), broken AS (
    -- The rows that break the promise.
    SELECT DISTINCT c.id
      FROM campaigns_campaign AS c
      LEFT JOIN steps ON steps.campaign_id = c.id
     WHERE steps.new IS NULL
        OR steps.old <> coalesce(steps.before, '')
        OR steps.old <> '' AND steps.old || '>' || steps.new <> ALL (%(campaign_moves)s)
        OR steps.after IS NULL AND steps.new <> c.status
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
