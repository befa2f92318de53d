-- Take a request over that was held for too long by who committed nothing of it; no row: not now.
UPDATE keys_keptreply AS kept
   SET holder = %(holder)s, held_until = %(held_until)s, created_at = %(now)s
 WHERE kept.id = (SELECT id FROM keys_keptreply
                   WHERE key_id = %(key_id)s AND route = %(route)s AND once = %(once)s
                     AND fingerprint = %(fingerprint)s AND http_status IS NULL
                     AND held_until <= %(now)s AND NOT has_acted
                     -- Locked: what its process did is about to be committed.
                     FOR UPDATE SKIP LOCKED)
RETURNING id
