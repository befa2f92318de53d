-- Mark a request with an Idempotency-Key as being answered; no row when that was done before.
INSERT INTO keys_keptreply
    (key_id, route, once, fingerprint, http_status, headers, body, holder, held_until, has_acted,
     created_at)
VALUES (%(key_id)s, %(route)s, %(once)s, %(fingerprint)s, NULL, '{}', '', %(holder)s,
        %(held_until)s, FALSE, %(now)s)
ON CONFLICT (key_id, route, once) DO NOTHING
RETURNING id
