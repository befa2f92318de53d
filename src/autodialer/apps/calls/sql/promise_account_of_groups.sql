-- I20: Find groups with a member of another account.
WITH broken AS (
    -- The rows that break the promise.
    SELECT DISTINCT g.id
      FROM agents_groupmember AS m
      JOIN agents_group AS g ON g.id = m.group_id
      JOIN accounts_user AS u ON u.id = m.user_id
     WHERE u.account_id <> g.account_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
