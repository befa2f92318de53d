-- Copy a list into a campaign as its targets, in the order of the list, with each contact as it is.
-- What has become a number of the account itself is never dialled: we would call ourselves.
INSERT INTO campaigns_target (account_id, campaign_id, seq, e164, contact, status, reason, tries,
                              max_tries, due_at, changed_at)
SELECT c.account_id, %(campaign_id)s, member.seq, c.e164,
       jsonb_build_object('first_name', c.first_name, 'last_name', c.last_name,
                          'company', c.company, 'email', c.email, 'tag', c.tag,
                          'fields', c.fields),
       CASE WHEN is_ours THEN 'invalid' ELSE 'scheduled' END,
       CASE WHEN is_ours THEN 'number_is_ours' ELSE '' END,
       0, %(max_tries)s, NULL, %(now)s
  FROM contacts_listmember AS member
  JOIN contacts_contact AS c ON c.id = member.contact_id
 CROSS JOIN LATERAL (SELECT c.e164 = ANY (%(own_numbers)s::text[]) AS is_ours) AS judged
 WHERE member.contact_list_id = %(list_id)s AND c.account_id = %(account_id)s
 ORDER BY member.seq
