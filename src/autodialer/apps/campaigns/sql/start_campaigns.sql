-- Start the campaigns whose start has come and whose end has not.
WITH started AS (
    -- The old status is checked again by whoever waited for the row.
    UPDATE campaigns_campaign
       SET status = 'in-progress', reason = ''
     WHERE status = 'created' AND starts_at <= %(now)s AND ends_at > %(now)s
    RETURNING id
)
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, 'created', 'in-progress', '', 'schedule', %(now)s FROM started
RETURNING campaign_id;
