-- End a session that has no live call; busy: it has one. held: as in mark_ready.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), live AS (
    -- The customer of an ended session would belong to nobody.
    SELECT id FROM calls_attempt WHERE session_id = %(session_id)s AND state <> 'ended'
), ended AS (
    -- Only once: the first reason stays.
    UPDATE calls_session AS s
       SET status = 'ended', ended_at = %(at)s, end_reason = %(reason)s
      FROM lease
     WHERE s.id = %(session_id)s AND s.node_id = lease.id AND s.status <> 'ended'
       AND NOT EXISTS (SELECT FROM live)
    RETURNING s.id, greatest(s.ended_at, s.ready_at) - s.ready_at AS talk
), settled AS (
    -- What the agent's leg reserved: a charge if the agent was connected.
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
SELECT EXISTS (SELECT FROM lease) AS held, EXISTS (SELECT FROM live) AS busy;
