-- Commit an attempt for the next target that a session may call; no row: see nothing_to_claim.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), duty AS (
    -- The session and its campaign, when both may call at this instant.
    SELECT s.id AS session_id, s.user_id, s.node_id, s.account_id,
           s.ready_at, c.idle_limit_s, c.id AS campaign_id, c.retries, c.retry_statuses, c.retry_interval_min,
           c.retry_mechanism, c.ring_timeout_s, c.max_talk_s, caller.e164 AS caller_id
      FROM lease
      JOIN calls_session AS s ON s.node_id = lease.id
      JOIN accounts_user AS u ON u.id = s.user_id
     CROSS JOIN LATERAL (
         -- OFFSET 0: by its key, never by reading all campaigns that are in progress.
         SELECT * FROM campaigns_campaign WHERE id = s.campaign_id OFFSET 0
     ) AS c
      -- No call leaves with a number that is not verified any more.
      JOIN campaigns_callerid AS caller
        ON caller.id = c.caller_id_id AND caller.verified_at IS NOT NULL
      JOIN accounts_account AS account ON account.id = c.account_id
     CROSS JOIN LATERAL (
         -- What the clock on the account's wall shows.
         SELECT %(now)s::timestamptz AT TIME ZONE account.zone AS shown
     ) AS wall
     WHERE s.id = %(session_id)s AND s.status = 'ready' AND s.stop_reason = ''
       AND u.is_active
       AND EXISTS (SELECT FROM agents_groupmember AS m
                    WHERE m.group_id = c.group_id AND m.user_id = s.user_id
                    UNION ALL
                   SELECT FROM campaigns_campaignagent AS picked
                    WHERE picked.campaign_id = c.id AND picked.user_id = s.user_id)
       AND c.status = 'in-progress' AND c.starts_at <= %(now)s AND c.ends_at > %(now)s
       -- domain.window.may_ring in SQL; a campaign may narrow the account's hours, never widen.
       AND wall.shown::time >= greatest(account.window_opens, c.window_opens)
       AND %(now)s::timestamptz + make_interval(secs => c.ring_timeout_s)
           <= (wall.shown::date + least(account.window_closes, c.window_closes))
              AT TIME ZONE account.zone
       -- A repeated claim, or one before the last call has ended, gets the attempt that exists.
       AND NOT EXISTS (SELECT FROM calls_attempt AS known WHERE known.id = %(attempt_id)s)
       AND NOT EXISTS (SELECT FROM calls_attempt AS live
                        WHERE live.session_id = s.id AND live.state <> 'ended')
), scheduled AS (
    -- First half: the list in its order, from a position below which little is left. OFFSET 0
    -- asks for the number of each target met, instead of reading all live calls first.
    SELECT t.id, t.account_id, t.e164, t.seq, t.status, t.tries
      FROM campaigns_target AS t
     WHERE t.campaign_id = (SELECT campaign_id FROM duty)
       AND t.status = 'scheduled' AND t.seq > %(after_seq)s
       AND NOT EXISTS (SELECT FROM calls_attempt AS live
                        WHERE live.account_id = t.account_id AND live.e164 = t.e164
                          AND live.state <> 'ended'
                        OFFSET 0)
     ORDER BY t.seq
     LIMIT 1
       FOR UPDATE OF t SKIP LOCKED
), due AS (
    -- Second half: retries that are due, the oldest first.
    SELECT t.id, t.account_id, t.e164, t.seq, t.status, t.tries
      FROM campaigns_target AS t
     WHERE t.campaign_id = (SELECT campaign_id FROM duty)
       AND t.status = 'retry' AND t.due_at <= %(now)s
       AND NOT EXISTS (SELECT FROM calls_attempt AS live
                        WHERE live.account_id = t.account_id AND live.e164 = t.e164
                          AND live.state <> 'ended'
                        OFFSET 0)
     ORDER BY t.due_at, t.id
     LIMIT 1
       FOR UPDATE OF t SKIP LOCKED
), chosen AS (
    -- The limit keeps the second half from running, and locking, when the first found a target.
    SELECT pick.*, EXISTS (SELECT FROM contacts_dndentry AS dnd
                            WHERE dnd.account_id = pick.account_id AND dnd.e164 = pick.e164)
                   AS do_not_call
      FROM (SELECT * FROM scheduled UNION ALL SELECT * FROM due LIMIT 1) AS pick
), price AS (
    -- What to reserve by the tariffs of this moment; no row: the account is not metered. A call
    -- is covered to its longest talk, and the agent's leg to the end of the wait after that.
    SELECT purse.account_id, purse.mode, duty.session_id, rate.*,
           CASE purse.mode WHEN 'prepaid' THEN rate.cost END AS reserved,
           greatest(0, agent.cost - agent.reserved) AS agent_more
      FROM chosen
      JOIN billing_purse AS purse ON purse.account_id = chosen.account_id
     CROSS JOIN duty
      LEFT JOIN LATERAL (
          -- The longest prefix that has a tariff. OFFSET 0: each length by the index.
          SELECT t.*, billing_cost(t.first_s, t.first_amount, t.next_s, t.next_amount,
                                   duty.max_talk_s) AS cost
            FROM generate_series(2, length(chosen.e164)) AS digits (n)
           CROSS JOIN LATERAL (
               SELECT first_s, first_amount, next_s, next_amount FROM billing_tariff
                WHERE account_id = purse.account_id AND prefix = left(chosen.e164, digits.n)
               OFFSET 0
           ) AS t
           ORDER BY digits.n DESC
           LIMIT 1
      ) AS rate ON TRUE
      LEFT JOIN LATERAL (
          SELECT h.reserved,
                 billing_cost(h.first_s, h.first_amount, h.next_s, h.next_amount,
                              greatest(extract(epoch FROM %(now)s - duty.ready_at), 0)
                              + duty.ring_timeout_s + duty.max_talk_s + duty.idle_limit_s) AS cost
            FROM billing_hold AS h
           WHERE h.leg = duty.session_id AND h.status = 'open'
      ) AS agent ON TRUE
     WHERE NOT chosen.do_not_call
), covered AS (
    -- The purse of a prepaid account, if it suffices: locked, so that no two claims count the same
    -- money, and before the attempt, which makes others wait too.
    SELECT purse.account_id
      FROM price
      JOIN billing_purse AS purse ON purse.account_id = price.account_id
     WHERE price.mode = 'prepaid'
       AND purse.balance - purse.held >= price.reserved + coalesce(price.agent_more, 0)
       FOR NO KEY UPDATE OF purse
), paid AS (
    -- What keeps the call from being placed, if anything does.
    SELECT CASE WHEN price.account_id IS NULL THEN ''
                WHEN price.cost IS NULL THEN 'no_tariff'
                WHEN price.mode = 'prepaid' AND covered.account_id IS NULL THEN 'low_balance'
                ELSE '' END AS refusal,
           coalesce(price.reserved + coalesce(price.agent_more, 0), 0) AS wanted
      FROM chosen
      LEFT JOIN price ON TRUE
      LEFT JOIN covered ON TRUE
), placed AS (
    -- Another session may be claiming the same number for another campaign: one of them wins.
    INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                               e164, caller_id, try_no, state, placed_at, status, reason,
                               abandoned, estimated, recording)
    SELECT %(attempt_id)s, duty.account_id, duty.campaign_id, chosen.id, duty.session_id,
           duty.user_id, duty.node_id, chosen.e164, duty.caller_id, chosen.tries + 1, 'dialing',
           %(now)s, '', '', FALSE, FALSE, %(recording)s
      FROM duty, chosen, paid
     WHERE NOT chosen.do_not_call AND paid.refusal = ''
        ON CONFLICT (account_id, e164) WHERE state <> 'ended' DO NOTHING
    RETURNING id, target_id, placed_at, try_no
), moved AS (
    -- The target is live exactly as long as its attempt.
    UPDATE campaigns_target AS t
       SET status = CASE chosen.status WHEN 'retry' THEN 'retrying' ELSE 'in-progress' END,
           reason = '', tries = placed.try_no, due_at = NULL, changed_at = %(now)s
      FROM placed
      JOIN chosen ON chosen.id = placed.target_id
     WHERE t.id = placed.target_id
    RETURNING t.id, chosen.status AS old, t.status AS new
), noted AS (
    -- The history of the target.
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT id, old, new, '', %(now)s FROM moved
), reserved AS (
    -- The customer's leg, with the price of now: a later change is not for this call.
    INSERT INTO billing_hold (leg, kind, account_id, first_s, first_amount, next_s, next_amount,
                              reserved, status, charged, opened_at)
    SELECT placed.id, 'customer', price.account_id, price.first_s, price.first_amount,
           price.next_s, price.next_amount, price.reserved, 'open', 0, %(now)s
      FROM placed, price
), extended AS (
    -- The agent's leg, which lasts on.
    UPDATE billing_hold AS h
       SET reserved = h.reserved + price.agent_more
      FROM placed, price
     WHERE h.leg = price.session_id AND price.agent_more > 0
)
SELECT placed.id IS NOT NULL AS placed, chosen.do_not_call, chosen.seq,
       paid.refusal, paid.wanted,
       placed.id AS attempt_id, chosen.id AS target_id, duty.campaign_id, chosen.e164,
       duty.caller_id, placed.try_no, duty.retries, duty.retry_statuses, duty.retry_interval_min,
       duty.retry_mechanism, duty.ring_timeout_s, duty.max_talk_s, placed.placed_at,
       NULL::timestamptz AS answered_at
  FROM duty
 CROSS JOIN chosen
 CROSS JOIN paid
  LEFT JOIN placed ON TRUE;
