-- Return what the calls of each campaign came to so far; a target is tried once it has a first try.
SELECT campaign_id,
       count(*) AS calls,
       count(*) FILTER (WHERE try_no = 1) AS tried,
       count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE abandoned) AS abandoned,
       count(*) FILTER (WHERE placed_at > %(hour_ago)s) AS last_hour,
       (avg(extract(epoch FROM ended_at - answered_at)))::float8 AS average_talk_s
  FROM calls_attempt
 WHERE account_id = %(account_id)s AND campaign_id = ANY (%(campaign_ids)s)
 GROUP BY campaign_id;
