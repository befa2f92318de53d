-- I7: Find calls that may have rung outside the calling window or the dates of their campaign.
WITH broken AS (
    -- The rows that break the promise.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
      JOIN accounts_account AS account ON account.id = c.account_id
     CROSS JOIN LATERAL (SELECT a.placed_at AT TIME ZONE account.zone AS shown) AS wall
     WHERE a.try_no IS NOT NULL
       -- The law's hours and those of the campaign, which never change. The account's own hours
       -- may have been other ones when the call was placed.
       AND (wall.shown::time < greatest(%(law_opens)s::time, c.window_opens)
            OR a.placed_at + make_interval(secs => c.ring_timeout_s)
               > (wall.shown::date + least(%(law_closes)s::time, c.window_closes))
                 AT TIME ZONE account.zone
            OR a.placed_at < c.starts_at OR a.placed_at >= c.ends_at
            OR a.placed_at >= c.starts_at + %(longest)s::interval)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
