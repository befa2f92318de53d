-- Return the targets of a campaign with what their calls came to, in the order of the list.
WITH calls AS (
    -- What all calls to a target came to; its last agent is that of the last one.
    -- The last call of each target.
    SELECT target_id, max(placed_at) AS last_called_at,
           round(sum(extract(epoch FROM ended_at - answered_at)), 1)::float8 AS talk_seconds,
           (array_agg(user_id ORDER BY placed_at DESC))[1] AS last_user_id
      FROM calls_attempt
     WHERE account_id = %(account_id)s AND campaign_id = %(campaign_id)s
     GROUP BY target_id
)
SELECT t.e164 AS number, t.contact, t.status, t.reason, t.tries, t.due_at,
       calls.last_called_at, u.name AS last_agent, calls.talk_seconds, t.changed_at
  FROM campaigns_target AS t
  LEFT JOIN calls ON calls.target_id = t.id
  LEFT JOIN accounts_user AS u ON u.id = calls.last_user_id
 WHERE t.account_id = %(account_id)s AND t.campaign_id = %(campaign_id)s
 ORDER BY t.seq, t.id;
