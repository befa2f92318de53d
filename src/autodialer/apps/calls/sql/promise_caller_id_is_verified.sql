-- I9: Find calls from a caller id that was not verified when they were placed.
WITH verified AS (
    -- From each change of a caller id that left it verified to the next one, by the audit log.
    SELECT caller.id, entry.at AS since, entry.is_verified,
           lead(entry.at, 1, CASE WHEN caller.verified_at IS NULL THEN '-infinity' ELSE 'infinity'
                             END::timestamptz)
               OVER (PARTITION BY caller.id ORDER BY entry.id) AS until
      FROM campaigns_callerid AS caller
      JOIN (SELECT id, at, account_id, subject_id,
                   after ->> 'verified_at' IS NOT NULL AS is_verified
              FROM audit_auditentry
             WHERE subject_kind = 'caller_id') AS entry
        ON entry.account_id = caller.account_id AND entry.subject_id = caller.id::text
), broken AS (
    -- The rows that break the promise. A campaign that was called has kept its caller id.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     WHERE a.try_no IS NOT NULL
       AND NOT EXISTS (
           SELECT
             FROM verified
            WHERE verified.id = c.caller_id_id AND verified.is_verified
              -- The clocks of two machines may differ by a second.
              AND a.placed_at >= verified.since - interval '1 second'
              AND a.placed_at <= verified.until + interval '1 second')
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
