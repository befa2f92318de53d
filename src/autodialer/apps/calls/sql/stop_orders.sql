-- Return a node's live sessions that should end: asked to stop, agent removed, campaign over, or
-- the node is drained.
SELECT s.id AS session_id,
       CASE WHEN s.stop_reason <> '' THEN s.stop_reason
            WHEN c.status IN ('completed', 'archived') THEN 'campaign_completed'
            WHEN n.draining_since IS NOT NULL THEN 'node_drained'
            ELSE 'removed_from_campaign' END AS reason,
       s.stop_reason <> '' AND s.stop_at_once AS at_once
  FROM calls_session AS s
  JOIN accounts_user AS u ON u.id = s.user_id
  JOIN campaigns_campaign AS c ON c.id = s.campaign_id
  JOIN calls_node AS n ON n.id = s.node_id
 WHERE s.node_id = %(node_id)s AND s.status <> 'ended'
   AND (s.stop_reason <> ''
        OR c.status IN ('completed', 'archived')
        OR n.draining_since IS NOT NULL
        OR NOT u.is_active
        OR NOT EXISTS (SELECT FROM agents_groupmember AS m
                    WHERE m.group_id = c.group_id AND m.user_id = s.user_id
                    UNION ALL
                   SELECT FROM campaigns_campaignagent AS picked
                    WHERE picked.campaign_id = c.id AND picked.user_id = s.user_id))
 ORDER BY s.created_at, s.id;
