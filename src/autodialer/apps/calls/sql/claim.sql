-- Commit an attempt for the next target that a session may call; no row: see nothing_to_claim.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), duty AS (
    -- The session and its campaign, when both may call at this instant.
    SELECT s.id AS session_id, s.user_id, s.node_id, s.account_id,
           c.id AS campaign_id, c.retries, c.retry_statuses, c.retry_interval_min,
           c.retry_mechanism, c.ring_timeout_s, c.max_talk_s, caller.e164 AS caller_id
      FROM lease
      JOIN calls_session AS s ON s.node_id = lease.id
      JOIN accounts_user AS u ON u.id = s.user_id
     CROSS JOIN LATERAL (
         -- OFFSET 0: by its key, never by reading all campaigns that are in progress.
         SELECT * FROM campaigns_campaign WHERE id = s.campaign_id OFFSET 0
     ) AS c
      JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
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
), placed AS (
    -- Another session may be claiming the same number for another campaign: one of them wins.
    INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                               e164, caller_id, try_no, state, placed_at, status, reason,
                               abandoned, estimated, recording)
    SELECT %(attempt_id)s, duty.account_id, duty.campaign_id, chosen.id, duty.session_id,
           duty.user_id, duty.node_id, chosen.e164, duty.caller_id, chosen.tries + 1, 'dialing',
           %(now)s, '', '', FALSE, FALSE, %(recording)s
      FROM duty, chosen
     WHERE NOT chosen.do_not_call
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
)
SELECT placed.id IS NOT NULL AS placed, chosen.do_not_call, chosen.seq,
       placed.id AS attempt_id, chosen.id AS target_id, duty.campaign_id, chosen.e164,
       duty.caller_id, placed.try_no, duty.retries, duty.retry_statuses, duty.retry_interval_min,
       duty.retry_mechanism, duty.ring_timeout_s, duty.max_talk_s, placed.placed_at,
       NULL::timestamptz AS answered_at
  FROM duty
 CROSS JOIN chosen
  LEFT JOIN placed ON TRUE;
