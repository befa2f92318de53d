-- The account's caller ids and agents' phones: calling one of them would call ourselves.
SELECT e164 FROM campaigns_callerid WHERE account_id = %(account_id)s
UNION
SELECT device.address
  FROM agents_agentdevice AS device
  JOIN accounts_user AS owner ON owner.id = device.user_id
 WHERE owner.account_id = %(account_id)s AND device.kind = 'phone'
