-- I2: Find calls that were placed before the last one to the same number of the account had ended.
WITH calls AS (
    -- Also past ones. The index on live calls keeps two apart; this looks at what came of it.
    SELECT id, placed_at, node_id,
           lag(coalesce(ended_at, 'infinity')) OVER same AS last_end,
           lag(node_id) OVER same AS last_node
      FROM calls_attempt
     WHERE try_no IS NOT NULL
    WINDOW same AS (PARTITION BY account_id, e164 ORDER BY placed_at, ended_at)
), broken AS (
    -- The clocks of two machines may differ by a second.
    SELECT id
      FROM calls
     WHERE placed_at < last_end - make_interval(secs => CASE WHEN node_id = last_node THEN 0
                                                             ELSE 1 END)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
