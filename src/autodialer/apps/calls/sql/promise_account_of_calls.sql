-- I20: Find calls whose session, target, agent or campaign is not the one of their account.
WITH broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM calls_attempt AS a
      LEFT JOIN calls_session AS s ON s.id = a.session_id
      LEFT JOIN campaigns_target AS t ON t.id = a.target_id
     WHERE (s.account_id, s.campaign_id, s.user_id)
           IS DISTINCT FROM (a.account_id, a.campaign_id, a.user_id)
        OR (t.account_id, t.campaign_id, t.e164)
           IS DISTINCT FROM (a.account_id, a.campaign_id, a.e164)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
