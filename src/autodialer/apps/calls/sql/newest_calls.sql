-- Which calls of a campaign were placed last, newest first, before one of them if given.
SELECT id
  FROM calls_attempt
 WHERE account_id = %(account_id)s AND campaign_id = %(campaign_id)s
   AND (placed_at, id) < (coalesce(%(placed_at)s::timestamptz, 'infinity'),
                          coalesce(%(id)s::uuid, '00000000-0000-0000-0000-000000000000'))
 ORDER BY placed_at DESC, id DESC
 LIMIT %(limit)s
