-- End an attempt, then claim the next target for its session: one transaction. held, as in finish.
SELECT ended.held, next.*
  FROM pg_temp.calls_fence(%(node_id)s, %(epoch)s) AS node (id)
 CROSS JOIN LATERAL pg_temp.calls_finish(
           node.id, %(attempt_id)s, %(status)s, %(reason)s, %(abandoned)s, %(estimated)s, %(at)s,
           %(answered_at)s, %(given_back)s, %(move)s, %(move_reason)s, %(due_at)s
       ) AS ended (held)
 CROSS JOIN LATERAL pg_temp.calls_claim(
           -- Named here so that it comes second.
           CASE WHEN ended.held THEN node.id END, %(session_id)s, %(next_id)s, %(now)s,
           %(after_seq)s, %(recording)s
       ) AS next;
