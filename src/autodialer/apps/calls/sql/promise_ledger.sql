-- I6: Find purses whose balance is not the sum of the ledger, or that hold other than is open.
WITH broken AS (
    -- Both sums are kept by triggers.
    SELECT p.account_id AS id
      FROM billing_purse AS p
     WHERE p.balance <> (SELECT coalesce(sum(e.amount), 0)
                           FROM billing_ledgerentry AS e WHERE e.account_id = p.account_id)
        OR p.held <> (SELECT coalesce(sum(h.reserved), 0)
                        FROM billing_hold AS h
                       WHERE h.account_id = p.account_id AND h.status = 'open')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
