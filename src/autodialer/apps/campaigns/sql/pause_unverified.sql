-- Pause the campaigns in progress whose caller id is no longer verified (this one's, or any).
WITH paused AS (
    -- The old status is checked again by whoever waited for the row.
    UPDATE campaigns_campaign AS c
       SET status = 'paused', reason = 'caller_id_unverified'
      FROM campaigns_callerid AS caller
     WHERE c.status = 'in-progress' AND caller.id = c.caller_id_id AND caller.verified_at IS NULL
       AND (%(caller_id)s::bigint IS NULL OR caller.id = %(caller_id)s::bigint)
    RETURNING c.id
)
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, 'in-progress', 'paused', 'caller_id_unverified', %(actor)s, %(now)s FROM paused
RETURNING campaign_id;
