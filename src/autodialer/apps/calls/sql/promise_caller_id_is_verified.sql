-- I9: Find calls that were placed after their caller id was found to be unverified.
WITH unverified AS (
    -- Since when nobody has verified it again; a caller id that never was has no such row.
    SELECT c.id AS campaign_id, max(change.at) AS since
      FROM campaigns_campaign AS c
      JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id AND caller.verified_at IS NULL
      LEFT JOIN campaigns_campaignchange AS change
        ON change.campaign_id = c.id AND change.reason = 'caller_id_unverified'
     GROUP BY c.id
), broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM unverified
      JOIN calls_attempt AS a ON a.campaign_id = unverified.campaign_id
     WHERE a.try_no IS NOT NULL
       AND (unverified.since IS NULL OR a.placed_at > unverified.since + interval '1 second')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
