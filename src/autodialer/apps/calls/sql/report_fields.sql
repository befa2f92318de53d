-- Return the headings of a campaign's own columns, each that at least one contact fills.
SELECT DISTINCT jsonb_object_keys(contact->'fields') COLLATE "C" AS heading
  FROM campaigns_target
 WHERE account_id = %(account_id)s AND campaign_id = %(campaign_id)s
 ORDER BY heading;
