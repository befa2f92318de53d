-- I16: Find calls that were placed later than a second after their campaign had stopped calling.
-- A call bears the time at which it was asked for, up to two seconds before it is claimed (later
-- ones are given back): so it may be older than the resumption that let it through.
WITH stopped AS (
    -- From each change to anything but in progress to the change that follows it.
    SELECT campaign_id, new, at,
           lead(at, 1, 'infinity') OVER (PARTITION BY campaign_id ORDER BY id) AS until
      FROM campaigns_campaignchange
), broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM stopped
      JOIN calls_attempt AS a
        ON a.campaign_id = stopped.campaign_id
       AND a.placed_at > stopped.at + interval '1 second'
       AND a.placed_at < stopped.until - interval '2 seconds'
     WHERE stopped.new <> 'in-progress' AND a.try_no IS NOT NULL
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
