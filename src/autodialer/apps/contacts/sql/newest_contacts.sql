-- The account's contacts as ContactRow has them, newest first, after one of them if given.
SELECT id, e164, first_name, last_name, company, email, tag, fields, created_at
  FROM contacts_contact
 WHERE account_id = %(account_id)s AND id < coalesce(%(id)s::bigint, 9223372036854775807)
 ORDER BY id DESC
 LIMIT %(limit)s
