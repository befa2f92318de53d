-- End an attempt and move its target, once; held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), campaign AS (
    -- A target must not go back to wait in a campaign that completes at this moment: completion
    -- waits for this lock, or has happened. Locked first, as completion does.
    SELECT c.status IN ('completed', 'archived') AS over
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     WHERE a.id = %(attempt_id)s AND %(move)s::text IN ('retry', 'scheduled')
       FOR SHARE OF c
), ended AS (
    -- Only once. A call that was surely never sent is no try. The answer is repeated here in case
    -- it could not be stored. A clock that went back makes no call negative.
    UPDATE calls_attempt AS a
       SET state = 'ended', status = %(status)s, reason = %(reason)s, abandoned = %(abandoned)s,
           estimated = %(estimated)s,
           answered_at = coalesce(a.answered_at, %(answered_at)s),
           ended_at = greatest(%(at)s::timestamptz, a.placed_at, a.answered_at,
                               %(answered_at)s::timestamptz),
           try_no = CASE WHEN %(given_back)s THEN NULL ELSE a.try_no END
      FROM lease
      LEFT JOIN campaign ON TRUE
     WHERE a.id = %(attempt_id)s AND a.node_id = lease.id AND a.state <> 'ended'
    RETURNING a.id, a.target_id, coalesce(campaign.over, FALSE) AS over,
              a.ended_at - a.answered_at AS talk
), step AS (
    -- What the target was, and what it becomes (R2 when the campaign is over).
    SELECT t.id, ended.over, t.status AS old,
           CASE WHEN NOT ended.over THEN %(move)s::text
                WHEN %(move)s::text = 'retry' THEN 'failed'
                ELSE 'failed-no-attempt' END AS new,
           CASE WHEN NOT ended.over THEN %(move_reason)s::text
                WHEN %(move)s::text = 'retry' THEN 'ended_before_retry'
                ELSE 'campaign_ended' END AS reason
      FROM ended
      JOIN campaigns_target AS t ON t.id = ended.target_id
     WHERE t.status IN ('in-progress', 'retrying')
), moved AS (
    -- The target is live exactly as long as its attempt.
    UPDATE campaigns_target AS t
       SET status = step.new, reason = step.reason, changed_at = %(at)s,
           tries = t.tries - CASE WHEN %(given_back)s THEN 1 ELSE 0 END,
           due_at = CASE step.new WHEN 'retry' THEN %(due_at)s::timestamptz END
      FROM step
     WHERE t.id = step.id
), noted AS (
    -- The history of the target; from a first try to "never attempted" it goes by "scheduled".
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT id, old, 'scheduled', '', %(at)s FROM step WHERE new = 'failed-no-attempt'
    UNION ALL
    SELECT id, CASE new WHEN 'failed-no-attempt' THEN 'scheduled' ELSE old END, new, reason, %(at)s
      FROM step
), settled AS (
    -- The hold ends with its call: a charge if it was answered, else nothing.
    UPDATE billing_hold AS h
       SET status = CASE WHEN ended.talk IS NULL THEN 'voided' ELSE 'settled' END,
           charged = CASE WHEN ended.talk IS NULL THEN 0
                          ELSE least(h.reserved, billing_cost(h.first_s, h.first_amount, h.next_s,
                                     h.next_amount, extract(epoch FROM ended.talk))) END,
           closed_at = %(at)s
      FROM ended
     WHERE h.leg = ended.id AND h.status = 'open'
    RETURNING h.leg, h.account_id, h.charged
), booked AS (
    -- A charge in the ledger of the account.
    INSERT INTO billing_ledgerentry (account_id, kind, amount, leg, reference, actor, at)
    SELECT account_id, 'charge', -charged, leg, '', '', %(at)s FROM settled WHERE charged > 0
)
SELECT EXISTS (SELECT FROM lease) AS held;
