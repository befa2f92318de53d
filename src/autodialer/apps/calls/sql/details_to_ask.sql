-- Return what a Get Contacts URL is asked about a call, if its campaign has one.
SELECT a.id AS attempt_id, a.campaign_id, a.account_id, a.e164, c.get_contacts_url AS url,
       coalesce(device.address, '') AS agent_address,
       coalesce(callbacks.custom_field, '') AS custom_field, account.allows_http AS plain_http
  FROM calls_attempt AS a
  JOIN campaigns_campaign AS c ON c.id = a.campaign_id
  JOIN accounts_account AS account ON account.id = a.account_id
  JOIN calls_session AS s ON s.id = a.session_id
  LEFT JOIN agents_agentdevice AS device ON device.id = s.device_id
  LEFT JOIN campaigns_callbacks AS callbacks ON callbacks.campaign_id = c.id
 WHERE a.id = %(attempt_id)s AND c.get_contacts_url <> '';
