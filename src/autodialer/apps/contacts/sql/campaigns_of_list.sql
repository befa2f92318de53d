-- Count the campaigns that were made from a list.
SELECT count(*) FROM campaigns_campaign
 WHERE account_id = %(account_id)s AND contact_list_id = %(list_id)s
