-- Pause one campaign in progress by itself, with the reason; no row: it was not in progress.
WITH paused AS (
    -- The old status is checked again by whoever waited for the row.
    UPDATE campaigns_campaign
       SET status = 'paused', reason = %(reason)s
     WHERE id = %(campaign_id)s AND status = 'in-progress'
    RETURNING id
)
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, 'in-progress', 'paused', %(reason)s, %(actor)s, %(now)s FROM paused
RETURNING campaign_id;
