-- Put the contacts of one request into the address book; a known number is updated.
WITH given AS (
    -- Sorted by number: two requests lock the contacts they share in the same order.
    SELECT *
      FROM jsonb_to_recordset(%(contacts)s::jsonb)
        AS one (e164 text, first_name text, last_name text, company text, email text, tag text,
                fields jsonb)
     ORDER BY e164
)
INSERT INTO contacts_contact AS known
       (account_id, e164, first_name, last_name, company, email, tag, fields, created_by_id,
        created_at)
SELECT %(account_id)s, e164, coalesce(first_name, ''), coalesce(last_name, ''),
       coalesce(company, ''), coalesce(email, ''), coalesce(tag, ''), coalesce(fields, '{}'),
       %(user_id)s, %(now)s
  FROM given
    -- An empty value never wipes out what is known.
    ON CONFLICT (account_id, e164) DO UPDATE
   SET first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
       last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
       company = coalesce(nullif(excluded.company, ''), known.company),
       email = coalesce(nullif(excluded.email, ''), known.email),
       tag = coalesce(nullif(excluded.tag, ''), known.tag),
       fields = known.fields || excluded.fields
 WHERE %(owner_id)s::bigint IS NULL OR known.created_by_id = %(owner_id)s
-- A row that was never updated is new: xmax tells.
RETURNING known.id, known.e164, known.xmax = 0
