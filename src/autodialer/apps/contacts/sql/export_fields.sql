-- Name the own fields that the contacts of a list have, in the order of the alphabet.
SELECT DISTINCT jsonb_object_keys(contact.fields) AS heading
  FROM contacts_listmember AS member
  JOIN contacts_contact AS contact ON contact.id = member.contact_id
 WHERE member.contact_list_id = %(list_id)s
 ORDER BY heading
