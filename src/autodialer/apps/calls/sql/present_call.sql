-- Return the attempt with an id, as a repeated claim asks for it, else the one in the way of it.
SELECT a.id AS attempt_id, a.target_id, a.campaign_id, a.e164, a.caller_id, a.try_no,
       c.retries, c.retry_statuses, c.retry_interval_min, c.retry_mechanism, c.ring_timeout_s,
       c.max_talk_s, a.placed_at, a.answered_at
  FROM calls_attempt AS a
  JOIN campaigns_campaign AS c ON c.id = a.campaign_id
 WHERE a.id = coalesce(
           (SELECT id FROM calls_attempt WHERE id = %(attempt_id)s),
           (SELECT id FROM calls_attempt WHERE session_id = %(session_id)s AND state <> 'ended'));
