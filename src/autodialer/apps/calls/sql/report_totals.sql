-- Return how many calls of a campaign came to what, with how long they talked.
SELECT coalesce(nullif(status, ''), state) AS status, count(*) AS calls,
       count(*) FILTER (WHERE abandoned) AS abandoned,
       coalesce(round(sum(extract(epoch FROM ended_at - answered_at))), 0)::bigint AS talk_seconds
  FROM calls_attempt
 WHERE account_id = %(account_id)s AND campaign_id = %(campaign_id)s
 GROUP BY 1
 ORDER BY 1;
