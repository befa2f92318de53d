-- Return the accounts of agents' phones that may register: of users who are enabled, with a secret.
SELECT device.address AS name, device.digest, device.kind = 'browser' AS is_browser
  FROM agents_agentdevice AS device
  JOIN accounts_user AS owner ON owner.id = device.user_id AND owner.is_active
 WHERE device.kind <> 'phone' AND device.digest <> ''
 ORDER BY device.address;
