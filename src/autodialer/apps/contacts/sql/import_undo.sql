-- Take out of a list what one import has put there, and forget the contacts that it has made.
WITH gone AS (
    -- Who was taken out and put in again by hand stays.
    DELETE FROM contacts_listmember
     WHERE contact_list_id = %(list_id)s AND xmin::text = %(saved_in)s
    RETURNING contact_id
), forgotten AS (
    -- Only those that nobody has changed since, and that stand in no other list.
    DELETE FROM contacts_contact AS c
     USING gone
     WHERE c.id = gone.contact_id AND c.xmin::text = %(saved_in)s AND c.created_at = %(saved_at)s
       AND NOT EXISTS (SELECT FROM contacts_listmember AS other
                        WHERE other.contact_id = c.id AND other.contact_list_id <> %(list_id)s)
    RETURNING c.id
)
SELECT (SELECT count(*) FROM gone) AS members, (SELECT count(*) FROM forgotten) AS contacts
