-- Count the numbers of a list that are on the do-not-call registry of its account.
SELECT count(*)
  FROM contacts_listmember AS member
  JOIN contacts_contact AS c ON c.id = member.contact_id
  JOIN contacts_dndentry AS forbidden
    ON forbidden.account_id = c.account_id AND forbidden.e164 = c.e164
 WHERE member.contact_list_id = %(list_id)s AND c.account_id = %(account_id)s
