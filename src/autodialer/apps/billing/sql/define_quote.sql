-- Define billing_quote: what to reserve for a call by the tariffs of this moment, and its refusal.
-- All NULL: the account is not metered. The purse is locked when it suffices.
CREATE OR REPLACE FUNCTION pg_temp.billing_quote(
    _account_id bigint, _e164 text, _session_id uuid, _longest_s int, _agent_longest_s numeric,
    OUT refusal text, OUT wanted bigint, OUT reserved bigint, OUT agent_more bigint,
    OUT first_s int, OUT first_amount bigint, OUT next_s int, OUT next_amount bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _mode text;
    _cost bigint;
    -- See calls_finish.
    _rehearsal boolean NOT NULL := coalesce(_account_id < 0, FALSE);
BEGIN
    SELECT purse.mode INTO _mode FROM billing_purse AS purse WHERE account_id = _account_id;
    IF NOT FOUND AND NOT _rehearsal THEN
        RETURN;
    END IF;

    -- The longest prefix that has a tariff. OFFSET 0: each length by the index.
    SELECT t.* INTO first_s, first_amount, next_s, next_amount
      FROM generate_series(2, length(_e164)) AS digits (n)
     CROSS JOIN LATERAL (
         SELECT first_s, first_amount, next_s, next_amount FROM billing_tariff
          WHERE account_id = _account_id AND prefix = left(_e164, digits.n)
         OFFSET 0
     ) AS t
     ORDER BY digits.n DESC
     LIMIT 1;
    wanted := 0;
    IF NOT FOUND AND NOT _rehearsal THEN
        refusal := 'no_tariff';
        RETURN;
    END IF;

    -- What the agent's leg lacks to the end of the wait after this call.
    SELECT greatest(0, billing_cost(h.first_s, h.first_amount, h.next_s, h.next_amount,
                                    _agent_longest_s) - h.reserved)
      INTO agent_more
      FROM billing_hold AS h
     WHERE h.leg = _session_id AND h.status = 'open';
    refusal := '';
    IF _mode <> 'prepaid' THEN
        RETURN;
    END IF;

    -- The purse of a prepaid account, if it suffices: locked, so that no two claims count the same
    -- money, and before the attempt, which makes others wait too.
    reserved := billing_cost(first_s, first_amount, next_s, next_amount, _longest_s);
    wanted := reserved + coalesce(agent_more, 0);
    PERFORM
       FROM billing_purse AS purse
      WHERE purse.account_id = _account_id AND purse.balance - purse.held >= wanted
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        refusal := 'low_balance';
    END IF;
END $$;
