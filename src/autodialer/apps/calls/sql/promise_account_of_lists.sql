-- I20: Find lists with a contact of another account.
WITH broken AS (
    -- The rows that break the promise.
    SELECT DISTINCT list.id
      FROM contacts_listmember AS member
      JOIN contacts_contactlist AS list ON list.id = member.contact_list_id
      JOIN contacts_contact AS c ON c.id = member.contact_id
     WHERE c.account_id <> list.account_id
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
