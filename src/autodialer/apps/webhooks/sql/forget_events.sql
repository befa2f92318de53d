-- Forget old events of which no delivery is left; some at a time.
DELETE FROM webhooks_event
 WHERE id IN (SELECT event.id
                FROM webhooks_event AS event
               WHERE event.at < %(before)s
                 AND NOT EXISTS (SELECT FROM webhooks_delivery AS d WHERE d.event_id = event.id)
               LIMIT %(limit)s);
