-- Store what tries came to, and what they say of the health of their endpoints.
WITH tried AS (
    -- One row for each try; of two of the same delivery, after a lease that ended, one is enough.
    SELECT DISTINCT ON (each.id) each.*
      FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(outcomes)s::text[],
                  %(due)s::timestamptz[], %(at)s::timestamptz[], %(took_ms)s::int[],
                  %(are_tries)s::boolean[])
           AS each (id, status, outcome, due_at, at, took_ms, is_try)
     ORDER BY each.id
), noted AS (
    -- Delivered and failed stay so.
    UPDATE webhooks_delivery AS d
       SET status = tried.status, outcome = tried.outcome, taken_until = NULL,
           tries = d.tries + CASE WHEN tried.is_try THEN 1 ELSE 0 END,
           due_at = coalesce(tried.due_at, d.due_at),
           done_at = CASE WHEN tried.status <> 'pending' THEN tried.at END,
           log = d.log || jsonb_build_array(
                              jsonb_build_array(tried.at, tried.outcome, tried.took_ms))
      FROM tried
     WHERE d.id = tried.id AND d.status = 'pending'
    RETURNING d.endpoint_id, tried.status, tried.at, tried.is_try
), health AS (
    -- By endpoint: the last delivery and the failures.
    SELECT endpoint_id,
           max(at) FILTER (WHERE status = 'delivered') AS delivered_at,
           min(at) FILTER (WHERE status <> 'delivered') AS first_failed_at,
           max(at) FILTER (WHERE status <> 'delivered') AS failed_at
      FROM noted
     WHERE endpoint_id IS NOT NULL AND is_try
     GROUP BY endpoint_id
)
UPDATE webhooks_endpoint AS e
   SET delivered_at = greatest(e.delivered_at, health.delivered_at),
       failed_at = greatest(e.failed_at, health.failed_at),
       failing_since = CASE
           WHEN health.delivered_at >= coalesce(health.failed_at, health.delivered_at) THEN NULL
           WHEN health.delivered_at IS NOT NULL THEN health.failed_at
           ELSE coalesce(e.failing_since, health.first_failed_at) END
  FROM health
 WHERE e.id = health.endpoint_id;
