-- I7: Find calls that may have rung outside the calling window or the dates of their campaign.
WITH hours AS (
    -- The zone and hours of each account from one change of them to the next: the audit log has
    -- those before each change, the account those of today.
    SELECT account_id, zone, opens, closes, at AS until,
           lag(at, 1, '-infinity') OVER (PARTITION BY account_id ORDER BY at) AS since
      FROM (SELECT account_id, at, before ->> 'zone' AS zone,
                   (before ->> 'window_opens')::time AS opens,
                   (before ->> 'window_closes')::time AS closes
              FROM audit_auditentry
             WHERE subject_kind = 'account' AND before ->> 'zone' IS NOT NULL
            UNION ALL
            SELECT id, 'infinity', zone, window_opens, window_closes FROM accounts_account) AS known
), broken AS (
    -- The rows that break the promise. A campaign that was called has kept its own hours, dates
    -- and ring timeout: it can be edited only before its start.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     WHERE a.try_no IS NOT NULL
       AND (a.placed_at < c.starts_at OR a.placed_at >= c.ends_at
            OR a.placed_at >= c.starts_at + %(longest)s::interval
            OR NOT EXISTS (
                SELECT
                  FROM hours
                 CROSS JOIN LATERAL (SELECT a.placed_at AT TIME ZONE hours.zone AS shown) AS wall
                 WHERE hours.account_id = a.account_id
                   -- The clocks of two machines may differ by a second.
                   AND a.placed_at >= hours.since - interval '1 second'
                   AND a.placed_at <= hours.until + interval '1 second'
                   AND wall.shown::time
                       >= greatest(%(law_opens)s::time, hours.opens, c.window_opens)
                   AND a.placed_at + make_interval(secs => c.ring_timeout_s)
                       <= (wall.shown::date
                           + least(%(law_closes)s::time, hours.closes, c.window_closes))
                          AT TIME ZONE hours.zone))
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
