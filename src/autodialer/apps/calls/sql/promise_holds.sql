-- I6: Find holds whose leg has ended or is none, and ended holds whose leg is live.
WITH broken AS (
    -- A hold lives exactly as long as its leg.
    SELECT h.leg AS id
      FROM billing_hold AS h
      LEFT JOIN calls_attempt AS a ON a.id = h.leg AND h.kind = 'customer'
      LEFT JOIN calls_session AS s ON s.id = h.leg AND h.kind = 'agent'
     WHERE coalesce(a.state, s.status) IS NULL
        OR (h.status = 'open') <> (coalesce(a.state, s.status) <> 'ended')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
