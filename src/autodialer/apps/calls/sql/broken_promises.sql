-- Return each promise that does not hold and how many rows break it; no row: all hold.
WITH checks (promise, broken) AS (
    -- The ten counts add up to the size of each campaign's copy.
    SELECT 'counts_add_up', count(*)
      FROM (SELECT c.id
              FROM campaigns_campaign AS c
              LEFT JOIN campaigns_target AS t ON t.campaign_id = c.id
             GROUP BY c.id, c.target_count
            HAVING count(t.id) <> c.target_count) AS uneven
    UNION ALL
    -- A target has as many tries as it says, and never more than it may have.
    SELECT 'tries_within_limit', count(*)
      FROM (SELECT t.id
              FROM campaigns_target AS t
              LEFT JOIN calls_attempt AS a ON a.target_id = t.id AND a.try_no IS NOT NULL
             WHERE t.tries > 0
             GROUP BY t.id, t.tries, t.max_tries
            HAVING count(a.id) <> t.tries OR t.tries > t.max_tries) AS overdone
    UNION ALL
    -- Never two calls to one number of an account at the same time.
    SELECT 'one_call_a_number', count(*)
      FROM (SELECT a.id
              FROM calls_attempt AS a
              JOIN calls_attempt AS b
                ON b.account_id = a.account_id AND b.e164 = a.e164 AND b.id > a.id
               AND b.placed_at < coalesce(a.ended_at, %(now)s)
               AND a.placed_at < coalesce(b.ended_at, %(now)s)) AS double
    UNION ALL
    -- A target is live exactly as long as an attempt of it is.
    SELECT 'live_targets_have_calls', count(*)
      FROM campaigns_target AS t
     WHERE t.status IN ('in-progress', 'retrying')
       AND NOT EXISTS (SELECT FROM calls_attempt AS a
                        WHERE a.target_id = t.id AND a.state <> 'ended')
    UNION ALL
    -- Nothing is live for longer than a call can last.
    SELECT 'nothing_stuck', count(*)
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     WHERE a.state <> 'ended'
       AND a.placed_at < %(now)s - make_interval(secs => c.ring_timeout_s + c.max_talk_s + 90)
)
SELECT promise, broken FROM checks WHERE broken > 0
