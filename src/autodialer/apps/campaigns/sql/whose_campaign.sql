-- Return the account whose screens show a campaign.
SELECT account_id FROM campaigns_campaign WHERE id = %(campaign_id)s;
