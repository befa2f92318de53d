-- How many deliveries wait, and since when the oldest of those that are due at %(now)s is due.
SELECT count(*) AS deliveries,
       min(due_at) FILTER (WHERE due_at <= %(now)s) AS due_since
  FROM webhooks_delivery
 WHERE status = 'pending'
