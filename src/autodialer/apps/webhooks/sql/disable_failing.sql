-- Disable endpoints to which nothing could be delivered for as long as is waited for them.
UPDATE webhooks_endpoint
   SET disabled_reason = 'failing', disabled_at = %(now)s, changed_at = %(now)s
 WHERE disabled_reason = '' AND failed_at >= failing_since + %(patience)s::interval
RETURNING id;
