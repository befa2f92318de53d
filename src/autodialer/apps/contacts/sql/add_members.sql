-- Put contacts at the end of a list in the order given; those that stand in it keep their place.
INSERT INTO contacts_listmember (contact_list_id, contact_id, seq)
SELECT %(list_id)s, given.contact_id,
       (SELECT coalesce(max(seq), 0) FROM contacts_listmember WHERE contact_list_id = %(list_id)s)
       + given.position
  FROM unnest(%(contact_ids)s::bigint[]) WITH ORDINALITY AS given (contact_id, position)
    ON CONFLICT (contact_list_id, contact_id) DO NOTHING
