-- I8: Find calls to numbers that were on the do-not-call registry when they were placed.
WITH broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM contacts_dndentry AS dnd
      JOIN calls_attempt AS a ON a.account_id = dnd.account_id AND a.e164 = dnd.e164
     -- The clocks of two machines may differ by a second.
     WHERE a.try_no IS NOT NULL AND a.placed_at > dnd.added_at + interval '1 second'
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
