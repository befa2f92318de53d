-- Lock a campaign and its Dial-Whom source; no row: the lease is lost.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
)
SELECT c.target_count,
       c.status IN ('completed', 'archived') AS is_over,
       source.failures, source.repeats, source.not_before, source.exhausted_at, source.trouble
  FROM lease
 CROSS JOIN campaigns_campaign AS c
  JOIN campaigns_numbersource AS source ON source.campaign_id = c.id
 WHERE c.id = %(campaign_id)s
   FOR NO KEY UPDATE OF c, source;
