-- Read of deliveries what they say and to whom, as it was at their event.
SELECT d.id, d.lane, d.purpose, d.tries, d.account_id, event.id AS event_id, event.kind, event.at,
       account.zone, account.allows_http,
       CASE d.purpose WHEN 'webhook' THEN p.url
                      WHEN 'popup' THEN c.popup_url
                      WHEN 'call_completed' THEN c.call_completed_url
                      WHEN 'call_no_answer' THEN c.call_no_answer_url
                      WHEN 'call_told' THEN callbacks.call_url
                      WHEN 'number_told' THEN callbacks.number_url
                      ELSE callbacks.campaign_url END AS url,
       c.kind AS campaign_kind, c.created_at AS campaign_made_at,
       own.e164 AS campaign_caller_id, s.id AS session_id,
       s.created_at AS session_at, s.ready_at, s.ended_at AS session_ended_at, s.end_reason,
       callbacks.content_type,
       ARRAY(SELECT past.id FROM calls_attempt AS past
              WHERE past.target_id = t.id AND d.purpose = 'number_told' AND past.try_no IS NOT NULL
              ORDER BY past.try_no) AS call_ids,
       p.disabled_reason, p.salt, p.old_salt, p.old_salt_until,
       c.id AS campaign_id, c.name AS campaign_name,
       coalesce(callbacks.custom_field, '') AS custom_field,
       a.id AS attempt_id, a.e164 AS called, a.caller_id, a.try_no, a.placed_at, a.answered_at,
       a.ended_at, a.status AS call_status, a.reason AS call_reason, a.abandoned,
       u.id AS agent_id, u.name AS agent_name, u.email AS agent_email,
       coalesce(device.address, '') AS agent_phone,
       t.e164 AS number, t.status AS number_status, t.reason AS number_reason, t.tries AS number_tries,
       t.contact,
       change.new AS step, change.reason AS step_reason, change.actor AS step_by
  FROM webhooks_delivery AS d
  JOIN webhooks_event AS event ON event.id = d.event_id
  JOIN accounts_account AS account ON account.id = d.account_id
  LEFT JOIN webhooks_endpoint AS p ON p.id = d.endpoint_id
  LEFT JOIN campaigns_campaign AS c ON c.id = event.campaign_id
  LEFT JOIN campaigns_callbacks AS callbacks ON callbacks.campaign_id = c.id
  LEFT JOIN campaigns_callerid AS own ON own.id = c.caller_id_id
  LEFT JOIN calls_attempt AS a ON a.id = event.attempt_id
  LEFT JOIN calls_session AS s ON s.id = coalesce(a.session_id, event.session_id)
  LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id
  LEFT JOIN accounts_user AS u ON u.id = a.user_id
  LEFT JOIN campaigns_target AS t ON t.id = event.target_id
  LEFT JOIN campaigns_campaignchange AS change ON change.id = event.change_id
 WHERE d.id = ANY (%(ids)s)
 ORDER BY d.id;
