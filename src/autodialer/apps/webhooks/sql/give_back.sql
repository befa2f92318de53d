-- Give back what was taken and not sent: somebody takes it again.
UPDATE webhooks_delivery
   SET taken_until = NULL
 WHERE id = ANY (%(ids)s::bigint[]) AND status = 'pending';
