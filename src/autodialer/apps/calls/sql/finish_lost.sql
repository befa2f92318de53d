-- End a call of a lost node under the lease of another node, once; held: as in mark_ready.
-- A call whose session lives is its own node's affair and is left alone.
SELECT node.id IS NOT NULL AS held,
       pg_temp.calls_finish(
           CASE WHEN node.id IS NOT NULL THEN lost.node_id END, lost.id, %(status)s, %(reason)s,
           %(abandoned)s, %(estimated)s, %(at)s, %(answered_at)s, %(given_back)s, %(move)s,
           %(move_reason)s, %(due_at)s) AS finished
  FROM pg_temp.calls_fence(%(node_id)s, %(epoch)s) AS node (id)
  LEFT JOIN (
      SELECT a.id, a.node_id
        FROM calls_attempt AS a
        JOIN calls_session AS s ON s.id = a.session_id AND s.status = 'ended'
       WHERE a.id = %(attempt_id)s
  ) AS lost ON TRUE;
