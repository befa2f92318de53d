-- I15: Find calls whose end was to be told to a URL of their campaign and is in no outbox.
WITH broken AS (
    -- The rows that break the promise. A campaign keeps its URLs once it has started; what was
    -- told a month ago is forgotten.
    SELECT a.id
      FROM calls_attempt AS a
      JOIN campaigns_campaign AS c ON c.id = a.campaign_id
     CROSS JOIN LATERAL (VALUES
               ('call_completed', c.call_completed_url <> ''),
               ('call_no_answer', c.call_no_answer_url <> '' AND a.status = 'no-answer')
           ) AS hook (purpose, is_wanted)
     WHERE a.state = 'ended' AND a.try_no IS NOT NULL AND hook.is_wanted
       AND a.ended_at > %(now)s - interval '29 days'
       AND NOT EXISTS (SELECT FROM webhooks_event AS event
                         JOIN webhooks_delivery AS d ON d.event_id = event.id
                        WHERE event.attempt_id = a.id AND event.kind = 'call.ended'
                          AND d.purpose = hook.purpose)
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
