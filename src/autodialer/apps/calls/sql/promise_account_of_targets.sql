-- I20: Find targets that are not of the account of their campaign.
WITH broken AS (
    -- The rows that break the promise.
    SELECT t.id
      FROM campaigns_target AS t
      JOIN campaigns_campaign AS c ON c.id = t.campaign_id
     WHERE t.account_id <> c.account_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
