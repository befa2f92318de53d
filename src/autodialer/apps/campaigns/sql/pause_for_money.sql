-- Pause a campaign whose next call cannot be paid for (R6), unless it can by now.
-- Rows are locked in the order that all statements keep: campaign, target, purse.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), campaign AS (
    -- Of many claims that found the same, one pauses.
    SELECT c.id, c.account_id
      FROM lease
     CROSS JOIN campaigns_campaign AS c
     WHERE c.id = %(campaign_id)s AND c.status = 'in-progress'
       FOR NO KEY UPDATE OF c
), met AS (
    -- The target that could not be called; somebody else may have found the money for it.
    SELECT t.id, t.e164, t.status AS old, campaign.id AS campaign_id, campaign.account_id
      FROM campaign
     CROSS JOIN campaigns_target AS t
     WHERE t.id = %(target_id)s AND t.status IN ('scheduled', 'retry')
       FOR NO KEY UPDATE OF t
), unpaid AS (
    -- Asked again: a top-up or a new tariff may have come meanwhile.
    SELECT met.*
      FROM met
      JOIN billing_purse AS purse ON purse.account_id = met.account_id
     WHERE CASE %(reason)s::text
           WHEN 'low_balance' THEN purse.mode = 'prepaid'
                                   AND purse.balance - purse.held < %(wanted)s
           ELSE NOT EXISTS (SELECT
                              FROM generate_series(2, length(met.e164)) AS digits (n)
                              JOIN billing_tariff AS t
                                ON t.account_id = purse.account_id
                               AND t.prefix = left(met.e164, digits.n)) END
       FOR SHARE OF purse
), paused AS (
    -- Claims find no campaign in progress any more; live calls go on.
    UPDATE campaigns_campaign AS c
       SET status = 'paused', reason = %(reason)s
      FROM unpaid
     WHERE c.id = unpaid.campaign_id
    RETURNING c.id
), told AS (
    -- The history of the campaign.
    INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
    SELECT id, 'in-progress', 'paused', %(reason)s, 'billing', %(now)s FROM paused
), failed AS (
    -- Final, for this target alone. Without a tariff none is at fault: it waits for one.
    UPDATE campaigns_target AS t
       SET status = 'failed-balance', reason = 'low_balance', due_at = NULL, changed_at = %(now)s
      FROM unpaid
     WHERE t.id = unpaid.id AND %(reason)s::text = 'low_balance'
    RETURNING t.id, unpaid.old
), noted AS (
    -- The history of the target.
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT id, old, 'failed-balance', 'low_balance', %(now)s FROM failed
)
SELECT EXISTS (SELECT FROM lease) AS held, EXISTS (SELECT FROM paused) AS paused;
