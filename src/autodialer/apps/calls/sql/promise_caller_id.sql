-- I9: Find calls that were not made from the caller id of their campaign.
WITH broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
      JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
     WHERE a.caller_id <> caller.e164
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
