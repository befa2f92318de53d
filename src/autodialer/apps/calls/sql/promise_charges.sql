-- I6: Find charges without an answer, beside their hold, or not by its price (R20).
WITH legs AS (
    -- How long each metered leg was connected.
    SELECT h.leg AS id, h.status, h.reserved, h.charged,
           coalesce(a.ended_at - a.answered_at,
                    greatest(s.ended_at, s.ready_at) - s.ready_at) AS talk,
           h.first_s, h.first_amount, h.next_s, h.next_amount
      FROM billing_hold AS h
      LEFT JOIN calls_attempt AS a ON a.id = h.leg AND h.kind = 'customer'
      LEFT JOIN calls_session AS s ON s.id = h.leg AND h.kind = 'agent'
     WHERE h.status <> 'open'
), broken AS (
    -- One entry for what was charged, none for nothing.
    SELECT coalesce(legs.id, e.leg) AS id
      FROM legs
      FULL JOIN (SELECT leg, amount FROM billing_ledgerentry WHERE kind = 'charge') AS e
        ON e.leg = legs.id
     WHERE coalesce(-e.amount, 0) <> coalesce(legs.charged, 0)
        OR legs.charged <> CASE WHEN legs.talk IS NULL THEN 0
               ELSE least(legs.reserved, billing_cost(legs.first_s, legs.first_amount,
                          legs.next_s, legs.next_amount, extract(epoch FROM legs.talk))) END
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
