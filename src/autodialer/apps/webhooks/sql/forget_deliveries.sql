-- Forget deliveries of old events that are done; some at a time.
DELETE FROM webhooks_delivery
 WHERE id IN (SELECT d.id
                FROM webhooks_event AS event
                JOIN webhooks_delivery AS d ON d.event_id = event.id AND d.status <> 'pending'
               WHERE event.at < %(before)s
               LIMIT %(limit)s);
