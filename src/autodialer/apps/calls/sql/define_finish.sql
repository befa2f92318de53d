-- Define calls_finish: end an attempt and move its target, once; FALSE: the node was not fenced.
CREATE OR REPLACE FUNCTION pg_temp.calls_finish(
    _node_id bigint, _attempt_id uuid, _status text, _reason text, _abandoned boolean,
    _estimated boolean, _at timestamptz, _answered_at timestamptz, _given_back boolean,
    _move text, _move_reason text, _due_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    _ended record;
    _over boolean := FALSE;
    _old text;
    -- A rehearsal walks through all of it, so that all of it is planned, and finds nothing.
    _rehearsal boolean NOT NULL := coalesce(_node_id < 0, FALSE);
BEGIN
    IF _node_id IS NULL THEN
        RETURN FALSE;
    END IF;

    -- A target must not go back to wait in a campaign that completes at this moment: completion
    -- waits for this lock, or has happened. Locked first, as completion does. Then it is R2.
    IF _move IN ('retry', 'scheduled') THEN
        SELECT c.status IN ('completed', 'archived') INTO _over
          FROM calls_attempt AS a
          JOIN campaigns_campaign AS c ON c.id = a.campaign_id
         WHERE a.id = _attempt_id
           FOR SHARE OF c;
        IF _over AND _move = 'retry' THEN
            _move := 'failed';
            _move_reason := 'ended_before_retry';
        ELSIF _over THEN
            _move := 'failed-no-attempt';
            _move_reason := 'campaign_ended';
        END IF;
    END IF;

    -- Only once. A call that was surely never sent is no try. The answer is repeated here in case
    -- it could not be stored. A clock that went back makes no call negative.
    UPDATE calls_attempt AS a
       SET state = 'ended', status = _status, reason = _reason, abandoned = _abandoned,
           estimated = _estimated,
           answered_at = coalesce(a.answered_at, _answered_at),
           ended_at = greatest(_at, a.placed_at, a.answered_at, _answered_at),
           try_no = CASE WHEN NOT _given_back THEN a.try_no END
     WHERE a.id = _attempt_id AND a.node_id = _node_id AND a.state <> 'ended'
    RETURNING a.target_id, a.ended_at - a.answered_at AS talk INTO _ended;
    IF NOT FOUND AND NOT _rehearsal THEN
        RETURN TRUE;
    END IF;

    -- The target is live exactly as long as its attempt.
    SELECT t.status INTO _old
      FROM campaigns_target AS t
     WHERE t.id = _ended.target_id AND t.status IN ('in-progress', 'retrying');
    UPDATE campaigns_target AS t
       SET status = _move, reason = _move_reason, changed_at = _at,
           tries = t.tries - CASE WHEN _given_back THEN 1 ELSE 0 END,
           due_at = CASE _move WHEN 'retry' THEN _due_at END
     WHERE t.id = _ended.target_id AND _old IS NOT NULL;

    -- The history of the target; from a first try to "never attempted" it goes by "scheduled".
    IF _move = 'failed-no-attempt' AND _old IS NOT NULL THEN
        INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
        VALUES (_ended.target_id, _old, 'scheduled', '', _at);
        _old := 'scheduled';
    END IF;
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT _ended.target_id, _old, _move, _move_reason, _at WHERE _old IS NOT NULL;

    -- What the call has reserved, if its account is metered.
    PERFORM FROM billing_hold WHERE leg = _attempt_id AND status = 'open';
    IF FOUND OR _rehearsal THEN
        PERFORM pg_temp.billing_settle(_attempt_id, _ended.talk, _at);
    END IF;
    RETURN TRUE;
END $$;
