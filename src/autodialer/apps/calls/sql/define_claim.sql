-- Define calls_claim: commit an attempt for the next target that a session may call.
-- All NULL: see nothing_to_claim. A number that another session is claiming is not `placed`.
CREATE OR REPLACE FUNCTION pg_temp.calls_claim(
    _node_id bigint, _session_id uuid, _attempt_id uuid, _now timestamptz, _after_seq int,
    _recording text,
    OUT placed boolean, OUT do_not_call boolean, OUT refusal text, OUT wanted bigint, OUT seq int,
    OUT attempt_id uuid, OUT target_id bigint, OUT campaign_id bigint, OUT e164 text,
    OUT caller_id text, OUT try_no int, OUT retries int, OUT retry_statuses text[],
    OUT retry_interval_min int, OUT retry_mechanism text, OUT ring_timeout_s int,
    OUT max_talk_s int, OUT placed_at timestamptz, OUT answered_at timestamptz,
    OUT asks_details boolean, OUT tells_ringing boolean
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _duty record;
    _target record;
    _price record;
    _new text;
    -- A rehearsal walks through all of it, so that all of it is planned, and finds nothing.
    _rehearsal boolean NOT NULL := coalesce(_node_id < 0, FALSE);
BEGIN
    -- The session and its campaign, when both may call at this instant.
    SELECT s.user_id, s.account_id, s.ready_at, c.idle_limit_s, c.id AS campaign_id, c.retries,
           c.retry_statuses, c.retry_interval_min, c.retry_mechanism, c.ring_timeout_s,
           c.max_talk_s, c.get_contacts_url <> '' AS asks_details,
           c.popup_url <> '' AS tells_ringing, caller.e164 AS caller_id,
           _now - make_interval(secs => account.redial_gap_s) AS rests_since
      INTO _duty
      -- OFFSET 0: by their keys, never by reading all sessions of the node, or all campaigns that
      -- are in progress.
      FROM (SELECT * FROM calls_session WHERE id = _session_id OFFSET 0) AS s
      JOIN accounts_user AS u ON u.id = s.user_id
     CROSS JOIN LATERAL (SELECT * FROM campaigns_campaign WHERE id = s.campaign_id OFFSET 0) AS c
      -- No call leaves with a number that is not verified any more.
      JOIN campaigns_callerid AS caller
        ON caller.id = c.caller_id_id AND caller.verified_at IS NOT NULL
      JOIN accounts_account AS account ON account.id = c.account_id
     CROSS JOIN LATERAL (
         -- What the clock on the account's wall shows.
         SELECT _now AT TIME ZONE account.zone AS shown
     ) AS wall
     WHERE s.node_id = _node_id AND s.status = 'ready' AND s.stop_reason = '' AND u.is_active
       AND EXISTS (SELECT FROM agents_groupmember AS m
                    WHERE m.group_id = c.group_id AND m.user_id = s.user_id
                    UNION ALL
                   SELECT FROM campaigns_campaignagent AS picked
                    WHERE picked.campaign_id = c.id AND picked.user_id = s.user_id)
       AND c.status = 'in-progress' AND c.starts_at <= _now AND c.ends_at > _now
       -- domain.window.may_ring in SQL; a campaign may narrow the account's hours, never widen.
       AND wall.shown::time >= greatest(account.window_opens, c.window_opens)
       AND _now + make_interval(secs => c.ring_timeout_s)
           <= (wall.shown::date + least(account.window_closes, c.window_closes))
              AT TIME ZONE account.zone
       -- A repeated claim, or one before the last call has ended, gets the attempt that exists.
       AND NOT EXISTS (SELECT FROM calls_attempt AS known WHERE known.id = _attempt_id)
       AND NOT EXISTS (SELECT FROM calls_attempt AS live
                        WHERE live.session_id = s.id AND live.state <> 'ended');
    IF NOT FOUND AND NOT _rehearsal THEN
        RETURN;
    END IF;

    -- First half: the list in its order, from a position below which little is left. A number that
    -- is in a call, or was until a moment ago, is passed by. OFFSET 0 asks for the number of each
    -- target met, instead of reading all calls first.
    SELECT t.id, t.e164, t.seq, t.status, t.tries INTO _target
      FROM campaigns_target AS t
     WHERE t.campaign_id = _duty.campaign_id AND t.status = 'scheduled' AND t.seq > _after_seq
       AND NOT EXISTS (SELECT FROM calls_attempt AS live
                        WHERE live.account_id = _duty.account_id AND live.e164 = t.e164
                          AND live.state <> 'ended'
                        OFFSET 0)
       AND NOT EXISTS (SELECT FROM calls_attempt AS past
                        WHERE past.account_id = _duty.account_id AND past.e164 = t.e164
                          AND past.state = 'ended' AND past.try_no IS NOT NULL
                          AND past.ended_at > _duty.rests_since
                        OFFSET 0)
     ORDER BY t.seq
     LIMIT 1
       FOR UPDATE OF t SKIP LOCKED;

    -- Second half: retries that are due, the oldest first.
    IF NOT FOUND THEN
        SELECT t.id, t.e164, t.seq, t.status, t.tries INTO _target
          FROM campaigns_target AS t
         WHERE t.campaign_id = _duty.campaign_id AND t.status = 'retry' AND t.due_at <= _now
           AND NOT EXISTS (SELECT FROM calls_attempt AS live
                            WHERE live.account_id = _duty.account_id AND live.e164 = t.e164
                              AND live.state <> 'ended'
                            OFFSET 0)
           AND NOT EXISTS (SELECT FROM calls_attempt AS past
                            WHERE past.account_id = _duty.account_id AND past.e164 = t.e164
                              AND past.state = 'ended' AND past.try_no IS NOT NULL
                              AND past.ended_at > _duty.rests_since
                            OFFSET 0)
         ORDER BY t.due_at, t.id
         LIMIT 1
           FOR UPDATE OF t SKIP LOCKED;
    END IF;
    IF NOT FOUND AND NOT _rehearsal THEN
        RETURN;
    END IF;
    placed := FALSE;
    seq := _target.seq;
    target_id := _target.id;
    campaign_id := _duty.campaign_id;

    -- Asked at the instant of dialling (R7).
    PERFORM FROM contacts_dndentry AS dnd
      WHERE dnd.account_id = _duty.account_id AND dnd.e164 = _target.e164;
    do_not_call := FOUND;
    IF do_not_call THEN
        RETURN;
    END IF;

    -- A call is covered to its longest talk, and the agent's leg to the end of the wait after it.
    SELECT quote.* INTO _price
      FROM pg_temp.billing_quote(
               CASE WHEN _rehearsal THEN -1 ELSE _duty.account_id END, _target.e164, _session_id,
               _duty.max_talk_s,
               greatest(extract(epoch FROM _now - _duty.ready_at), 0)
               + _duty.ring_timeout_s + _duty.max_talk_s + _duty.idle_limit_s) AS quote;
    refusal := coalesce(_price.refusal, '');
    wanted := coalesce(_price.wanted, 0);
    IF refusal <> '' THEN
        RETURN;
    END IF;

    -- Another session may be claiming the same number for another campaign: one of them wins.
    INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                               e164, caller_id, try_no, state, placed_at, status, reason,
                               abandoned, estimated, recording)
    SELECT _attempt_id, _duty.account_id, _duty.campaign_id, _target.id, _session_id,
           _duty.user_id, _node_id, _target.e164, _duty.caller_id, _target.tries + 1, 'dialing',
           _now, '', '', FALSE, FALSE, _recording
     WHERE _target.id IS NOT NULL
        ON CONFLICT (account_id, e164) WHERE state <> 'ended' DO NOTHING;
    placed := FOUND;
    IF NOT placed AND NOT _rehearsal THEN
        RETURN;
    END IF;

    -- The target is live exactly as long as its attempt. Its history.
    _new := CASE _target.status WHEN 'retry' THEN 'retrying' ELSE 'in-progress' END;
    UPDATE campaigns_target AS t
       SET status = _new, reason = '', tries = _target.tries + 1, due_at = NULL, changed_at = _now
     WHERE t.id = _target.id;
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT _target.id, _target.status, _new, '', _now WHERE _target.id IS NOT NULL;

    IF _price.first_s IS NOT NULL OR _rehearsal THEN
        -- The customer's leg, with the price of now: a later change is not for this call.
        INSERT INTO billing_hold (leg, kind, account_id, first_s, first_amount, next_s, next_amount,
                                  reserved, status, charged, opened_at)
        SELECT _attempt_id, 'customer', _duty.account_id, _price.first_s, _price.first_amount,
               _price.next_s, _price.next_amount, _price.reserved, 'open', 0, _now
         WHERE _target.id IS NOT NULL;
        -- The agent's leg, which lasts on.
        UPDATE billing_hold AS h
           SET reserved = h.reserved + _price.agent_more
         WHERE h.leg = _session_id AND _price.agent_more > 0;
    END IF;

    attempt_id := _attempt_id;
    e164 := _target.e164;
    caller_id := _duty.caller_id;
    try_no := _target.tries + 1;
    retries := _duty.retries;
    retry_statuses := _duty.retry_statuses;
    retry_interval_min := _duty.retry_interval_min;
    retry_mechanism := _duty.retry_mechanism;
    ring_timeout_s := _duty.ring_timeout_s;
    max_talk_s := _duty.max_talk_s;
    asks_details := _duty.asks_details;
    tells_ringing := _duty.tells_ringing;
    placed_at := _now;
END $$;
