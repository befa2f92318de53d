-- Count the campaigns that were made from a list, all of them or those since a moment.
SELECT count(*) FROM campaigns_campaign
 WHERE account_id = %(account_id)s AND contact_list_id = %(list_id)s
   AND created_at >= coalesce(%(since)s, '-infinity'::timestamptz)
