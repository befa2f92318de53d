-- Store that exactly these phones of agents are registered; only those that moved are written, and
-- whose they are is returned.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), moved AS (
    -- The others keep the time since which they are registered.
    UPDATE agents_agentdevice AS device
       SET registered_at = CASE WHEN device.registered_at IS NULL THEN %(now)s::timestamptz END
      FROM lease
     WHERE device.kind <> 'phone'
       AND (device.registered_at IS NOT NULL) <> (device.address = ANY (%(registered)s::text[]))
    RETURNING device.user_id
)
SELECT EXISTS (SELECT FROM lease) AS held,
       ARRAY(SELECT ARRAY[u.account_id, u.id] FROM moved
               JOIN accounts_user AS u ON u.id = moved.user_id) AS owners;
