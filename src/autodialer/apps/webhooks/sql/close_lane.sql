-- Fail what waits for addresses that are disabled or deleted; a person can send it again.
UPDATE webhooks_delivery AS d
   SET status = 'failed', outcome = %(outcome)s, done_at = %(now)s, taken_until = NULL
 WHERE d.lane = ANY (%(lanes)s::text[]) AND d.status = 'pending';
