-- Disable endpoints that said that they want nothing any more.
UPDATE webhooks_endpoint
   SET disabled_reason = 'gone', disabled_at = %(now)s, changed_at = %(now)s
 WHERE id = ANY (%(ids)s::bigint[]) AND disabled_reason = '';
