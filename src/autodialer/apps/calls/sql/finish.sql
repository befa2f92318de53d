-- End an attempt and move its target, once; held: as in mark_ready.
SELECT pg_temp.calls_finish(
           pg_temp.calls_fence(%(node_id)s, %(epoch)s), %(attempt_id)s, %(status)s, %(reason)s,
           %(abandoned)s, %(estimated)s, %(at)s, %(answered_at)s, %(given_back)s, %(move)s,
           %(move_reason)s, %(due_at)s) AS held;
