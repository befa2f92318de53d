-- I7: Find calls that may have rung outside the calling window or the dates of their campaign.
WITH kept AS (
    -- The zone and the hours of each account, each by itself, from one change of it to the next:
    -- the audit log has what was before each change and nothing of what stayed.
    SELECT account_id, fact, value, at AS until,
           lag(at, 1, '-infinity') OVER (PARTITION BY account_id, fact ORDER BY at) AS since
      FROM (SELECT account_id, fact, before ->> fact AS value, at
              FROM audit_auditentry
             CROSS JOIN unnest(ARRAY['zone', 'window_opens', 'window_closes']) AS fact
             WHERE subject_kind = 'account' AND before ->> fact IS NOT NULL
            UNION ALL
            SELECT id, fact, to_jsonb(account) ->> fact, 'infinity'
              FROM accounts_account AS account
             CROSS JOIN unnest(ARRAY['zone', 'window_opens', 'window_closes']) AS fact) AS known
), hours AS (
    -- What was in force together, from the last change of any of the three to the next.
    SELECT zone.account_id, zone.value AS zone, opens.value::time AS opens,
           closes.value::time AS closes,
           greatest(zone.since, opens.since, closes.since) AS since,
           least(zone.until, opens.until, closes.until) AS until
      FROM kept AS zone
      JOIN kept AS opens ON opens.account_id = zone.account_id AND opens.fact = 'window_opens'
      JOIN kept AS closes ON closes.account_id = zone.account_id AND closes.fact = 'window_closes'
     WHERE zone.fact = 'zone'
       AND greatest(zone.since, opens.since, closes.since)
           < least(zone.until, opens.until, closes.until)
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
