-- Disable endpoints that said that they want nothing any more.
UPDATE webhooks_endpoint
   SET disabled_reason = 'gone', disabled_at = %(now)s, changed_at = %(now)s, version = version + 1
 WHERE id = ANY (%(ids)s::bigint[]) AND disabled_reason = '';
