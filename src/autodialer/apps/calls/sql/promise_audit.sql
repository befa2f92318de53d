-- I19: Find campaigns with a step that a person took and that is not audited exactly once.
WITH steps AS (
    -- What the clock, the balance or a URL did has other reasons.
    SELECT change.campaign_id, change.at,
           CASE WHEN change.old = '' THEN ARRAY['campaign.create', 'campaign.clone']
                WHEN change.reason = 'paused_by_user' THEN ARRAY['campaign.pause']
                WHEN change.reason = 'completed_by_user' THEN ARRAY['campaign.complete']
                WHEN change.new = 'archived' THEN ARRAY['campaign.archive']
                WHEN change.old = 'paused' AND change.new IN ('in-progress', 'created')
                THEN ARRAY['campaign.resume'] END AS actions
      FROM campaigns_campaignchange AS change
), broken AS (
    -- The rows that break the promise.
    SELECT DISTINCT steps.campaign_id AS id
      FROM steps
      JOIN campaigns_campaign AS c ON c.id = steps.campaign_id
     WHERE steps.actions IS NOT NULL
       AND (SELECT count(*)
              FROM audit_auditentry AS entry
             WHERE entry.account_id = c.account_id AND entry.subject_kind = 'campaign'
               AND entry.subject_id = c.id::text AND entry.at = steps.at
               AND entry.action = ANY (steps.actions)) <> 1
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
