-- I20: Find sessions whose campaign, agent or device belongs to somebody else.
WITH broken AS (
    -- The rows that break the promise.
    SELECT s.id
      FROM calls_session AS s
      JOIN campaigns_campaign AS c ON c.id = s.campaign_id
      JOIN accounts_user AS u ON u.id = s.user_id
      LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id
     WHERE c.account_id <> s.account_id OR u.account_id <> s.account_id
        OR device.user_id <> s.user_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
