-- Define billing_settle: end the hold of a leg, with a charge if it was answered.
CREATE OR REPLACE FUNCTION pg_temp.billing_settle(_leg uuid, _talk interval, _at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _settled record;
BEGIN
    -- Once: an open hold ends, and never for more than it reserved.
    UPDATE billing_hold AS h
       SET status = CASE WHEN _talk IS NULL THEN 'voided' ELSE 'settled' END,
           charged = CASE WHEN _talk IS NULL THEN 0
                          ELSE least(h.reserved, billing_cost(h.first_s, h.first_amount, h.next_s,
                                     h.next_amount, extract(epoch FROM _talk))) END,
           closed_at = _at
     WHERE h.leg = _leg AND h.status = 'open'
    RETURNING h.account_id, h.charged INTO _settled;

    -- A charge in the ledger of the account.
    INSERT INTO billing_ledgerentry (account_id, kind, amount, leg, reference, actor, at)
    SELECT _settled.account_id, 'charge', -_settled.charged, _leg, '', '', _at
     WHERE _settled.charged > 0;
END $$;
