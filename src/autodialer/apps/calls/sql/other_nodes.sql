-- Return the other nodes that have live sessions or registered phones, with their leases.
SELECT n.id AS node_id, n.epoch, n.lease_until AS until, n.removed_at IS NOT NULL AS is_removed
  FROM calls_node AS n
 WHERE n.id <> %(node_id)s
   AND (EXISTS (SELECT FROM calls_session AS s WHERE s.node_id = n.id AND s.status <> 'ended')
        OR EXISTS (SELECT FROM agents_agentdevice AS d WHERE d.registered_node = n.id))
 ORDER BY n.id;
