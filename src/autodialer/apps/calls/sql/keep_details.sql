-- Store what a Get Contacts URL said of a call's customer; held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), kept AS (
    -- Also of a call that has ended meanwhile: its page shows it.
    UPDATE calls_attempt AS a
       SET contact = %(contact)s
      FROM lease
     WHERE a.id = %(attempt_id)s AND a.node_id = lease.id
    RETURNING a.id
)
SELECT EXISTS (SELECT FROM lease) AS held;
