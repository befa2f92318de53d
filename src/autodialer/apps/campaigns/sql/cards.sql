-- Campaigns of the account as programs read them, with what stands behind their references.
SELECT c.id, c.name, c.status, c.reason, c.target_count, c.created_at, c.caller_id_id,
       c.contact_list_id, c.group_id, c.dial_whom_url, c.starts_at, c.ends_at, c.window_opens,
       c.window_closes, c.retries, c.retry_statuses, c.retry_interval_min, c.retry_mechanism,
       c.ring_timeout_s, c.idle_limit_s, c.max_talk_s, c.call_type, c.popup_url,
       c.call_completed_url, c.call_no_answer_url, c.get_contacts_url,
       i.e164 AS caller_number, i.verified_at IS NOT NULL AS is_verified,
       coalesce(l.name, '') AS list_name, coalesce(g.name, '') AS group_name,
       coalesce(u.name, '') AS made_by,
       ARRAY(SELECT p.user_id FROM campaigns_campaignagent AS p
              WHERE p.campaign_id = c.id ORDER BY p.id) AS agent_ids
  FROM campaigns_campaign AS c
  JOIN campaigns_callerid AS i ON i.id = c.caller_id_id
  LEFT JOIN contacts_contactlist AS l ON l.id = c.contact_list_id
  LEFT JOIN agents_group AS g ON g.id = c.group_id
  LEFT JOIN accounts_user AS u ON u.id = c.created_by_id
 WHERE c.account_id = %(account_id)s AND c.id = ANY(%(campaign_ids)s)
