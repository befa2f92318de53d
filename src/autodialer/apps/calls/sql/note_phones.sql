-- Store which agents' phones are registered at a node; only those that moved are written, and whose
-- they are is returned.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), moved AS (
    -- The others keep the time since which they are registered, here or at another node.
    UPDATE agents_agentdevice AS device
       SET registered_at = CASE WHEN device.address = ANY (%(registered)s::text[])
                                THEN %(now)s::timestamptz END,
           registered_node = CASE WHEN device.address = ANY (%(registered)s::text[])
                                  THEN lease.id END
      FROM lease
     WHERE device.kind <> 'phone'
       AND CASE WHEN device.address = ANY (%(registered)s::text[])
                -- At another node it may be no more than a registration that has not expired.
                THEN device.registered_at IS NULL
                     OR device.registered_node <> lease.id
                        AND device.address = ANY (%(arrived)s::text[])
                ELSE device.registered_at IS NOT NULL
                     AND coalesce(device.registered_node, lease.id) = lease.id END
    RETURNING device.user_id
)
SELECT EXISTS (SELECT FROM lease) AS held,
       ARRAY(SELECT ARRAY[u.account_id, u.id] FROM moved
               JOIN accounts_user AS u ON u.id = moved.user_id) AS owners;
