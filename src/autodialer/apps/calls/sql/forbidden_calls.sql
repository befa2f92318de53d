-- Return a node's unanswered calls whose numbers are on the do-not-call registry by now.
SELECT a.id AS attempt_id
  FROM calls_session AS s
  JOIN calls_attempt AS a ON a.session_id = s.id AND a.state <> 'ended'
  JOIN contacts_dndentry AS dnd ON dnd.account_id = a.account_id AND dnd.e164 = a.e164
 WHERE s.node_id = %(node_id)s AND s.status <> 'ended' AND a.state = 'dialing';
