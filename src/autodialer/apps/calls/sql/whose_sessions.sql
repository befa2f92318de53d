-- Return whose screens show these sessions: the agent, the campaign and their account.
SELECT account_id, user_id, campaign_id
  FROM calls_session
 WHERE id = ANY (%(sessions)s::uuid[]);
