-- Finish what waits in a campaign that was just completed (R2); live calls finish by themselves.
WITH waiting AS (
    -- Never attempted and attempted are told apart.
    SELECT id, status AS old,
           CASE status WHEN 'scheduled' THEN 'failed-no-attempt' ELSE 'failed' END AS new,
           CASE status WHEN 'scheduled' THEN 'campaign_ended' ELSE 'ended_before_retry' END
               AS reason
      FROM campaigns_target
     WHERE campaign_id = %(campaign_id)s AND status IN ('scheduled', 'retry')
       FOR NO KEY UPDATE
), closed AS (
    -- Final, each with its reason.
    UPDATE campaigns_target AS t
       SET status = waiting.new, reason = waiting.reason, due_at = NULL, changed_at = %(now)s
      FROM waiting
     WHERE t.id = waiting.id
    RETURNING t.id, waiting.old, waiting.new, waiting.reason
)
INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
SELECT id, old, new, reason, %(now)s FROM closed;
