-- Save the imported rows: one contact a number, and its place in the list; the first row wins.
WITH first AS (
    -- Sorted by number: two imports lock the contacts they share in the same order.
    SELECT DISTINCT ON (e164) line, e164, first_name, last_name, company, email, tag, fields
      FROM import_row
     ORDER BY e164, line
), saved AS (
    -- A known number is updated; an empty cell never wipes out what is known.
    INSERT INTO contacts_contact AS known
           (account_id, e164, first_name, last_name, company, email, tag, fields,
            created_by_id, created_at)
    SELECT %(account_id)s, e164, first_name, last_name, company, email, tag, fields,
           %(user_id)s, %(now)s
      FROM first
        ON CONFLICT (account_id, e164) DO UPDATE
       SET first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
           last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
           company = coalesce(nullif(excluded.company, ''), known.company),
           email = coalesce(nullif(excluded.email, ''), known.email),
           tag = coalesce(nullif(excluded.tag, ''), known.tag),
           fields = known.fields || excluded.fields
    RETURNING id, e164
)
INSERT INTO contacts_listmember (contact_list_id, contact_id, seq)
SELECT %(list_id)s, saved.id, first.line
       + (SELECT coalesce(max(seq), 0) FROM contacts_listmember WHERE contact_list_id = %(list_id)s)
  FROM saved
  JOIN first USING (e164)
    ON CONFLICT (contact_list_id, contact_id) DO NOTHING
