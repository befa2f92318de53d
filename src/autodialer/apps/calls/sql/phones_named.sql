-- Return those of `phones` that have these names.
SELECT device.address AS name, device.digest, device.kind = 'browser' AS is_browser
  FROM agents_agentdevice AS device
  JOIN accounts_user AS owner ON owner.id = device.user_id AND owner.is_active
 WHERE device.kind <> 'phone' AND device.digest <> '' AND device.address = ANY (%(names)s::text[])
 ORDER BY device.address;
