-- Commit an attempt for the next target that a session may call; see calls_claim.
SELECT next.*
  FROM pg_temp.calls_claim(pg_temp.calls_fence(%(node_id)s, %(epoch)s), %(session_id)s,
                           %(next_id)s, %(now)s, %(after_seq)s, %(recording)s) AS next;
