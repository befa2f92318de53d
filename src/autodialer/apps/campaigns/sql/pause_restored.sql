-- Pause the campaigns that a backup has in progress or before their start.
WITH found AS (
    -- What each was.
    SELECT id, status AS old FROM campaigns_campaign WHERE status IN ('created', 'in-progress')
       FOR NO KEY UPDATE
), paused AS (
    -- Nothing of it is dialled before somebody has looked.
    UPDATE campaigns_campaign AS c
       SET status = 'paused', reason = 'restored'
      FROM found
     WHERE c.id = found.id
    RETURNING c.id, found.old
)
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, old, 'paused', 'restored', %(actor)s, %(now)s FROM paused
RETURNING campaign_id, old;
