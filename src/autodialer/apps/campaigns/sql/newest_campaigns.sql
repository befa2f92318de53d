-- Where the account's campaigns in use stand by their making, newest first, after a place if given.
SELECT created_at, id
  FROM campaigns_campaign
 WHERE account_id = %(account_id)s AND kind = 'dialer' AND status <> 'archived'
   AND (created_at, id) < (coalesce(%(created_at)s::timestamptz, 'infinity'),
                           coalesce(%(id)s::bigint, 0))
 ORDER BY created_at DESC, id DESC
 LIMIT %(limit)s
