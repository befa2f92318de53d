-- Read the contacts of a list in its order.
SELECT contact.e164, contact.first_name, contact.last_name, contact.company, contact.email,
       contact.tag, contact.fields::text
  FROM contacts_listmember AS member
  JOIN contacts_contact AS contact ON contact.id = member.contact_id
 WHERE member.contact_list_id = %(list_id)s
 ORDER BY member.seq, member.id
