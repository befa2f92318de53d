-- Empty what an agent's file says about contacts of others: it may list them, not change them.
UPDATE import_row AS row
   SET first_name = '', last_name = '', company = '', email = '', tag = '', fields = '{}'
  FROM contacts_contact AS known
 WHERE known.account_id = %(account_id)s AND known.e164 = row.e164
   AND known.created_by_id IS DISTINCT FROM %(user_id)s
