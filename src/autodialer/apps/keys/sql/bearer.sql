-- An API key with its account, whole, and what is known of whoever made it: asked at each request.
SELECT a.id, a.name, a.zone, a.region, a.window_opens, a.window_closes, a.redial_gap_s,
       a.allows_http, a.require_second_factor, a.created_at,
       k.id AS key_id, k.secret_hash, k.name AS key_name, k.scopes, k.expires_at, k.revoked_at,
       k.last_used_at, k.made_by_id, u.is_active AS maker_is_active, u.role AS maker_role
  FROM keys_apikey AS k
  JOIN accounts_account AS a ON a.id = k.account_id
  LEFT JOIN accounts_user AS u ON u.id = k.made_by_id
 WHERE k.public_id = %(public_id)s
