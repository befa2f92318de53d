-- One row if the account has this campaign.
SELECT 1 AS found
  FROM campaigns_campaign
 WHERE account_id = %(account_id)s AND id = %(campaign_id)s
