-- I20: Find campaigns with a list, group, agent, caller id or author of another account.
WITH broken AS (
    -- The rows that break the promise.
    SELECT c.id
      FROM campaigns_campaign AS c
      JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
      LEFT JOIN contacts_contactlist AS list ON list.id = c.contact_list_id
      LEFT JOIN agents_group AS g ON g.id = c.group_id
      LEFT JOIN accounts_user AS author ON author.id = c.created_by_id
     WHERE caller.account_id <> c.account_id OR list.account_id <> c.account_id
        OR g.account_id <> c.account_id OR author.account_id <> c.account_id
    UNION
    SELECT c.id
      FROM campaigns_campaignagent AS picked
      JOIN campaigns_campaign AS c ON c.id = picked.campaign_id
      JOIN accounts_user AS u ON u.id = picked.user_id
     WHERE u.account_id <> c.account_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
