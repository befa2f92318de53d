-- Calls as the call details show them: the columns of CallRow, in its order.
SELECT a.id, a.e164 AS number, a.caller_id,
       trim(concat(named.contact->>'first_name', ' ', named.contact->>'last_name')) AS contact,
       u.name AS agent, a.try_no, a.state, a.status, a.reason, a.abandoned,
       a.placed_at, a.answered_at, a.ended_at,
       extract(epoch FROM a.ended_at - a.answered_at)::float8 AS talk_s,
       -- The file of a call that nobody answered was never made.
       CASE WHEN a.answered_at IS NULL THEN '' ELSE a.recording END AS recording
  FROM calls_attempt AS a
  JOIN accounts_user AS u ON u.id = a.user_id
  JOIN campaigns_target AS t ON t.id = a.target_id
 CROSS JOIN LATERAL (
     -- What Get Contacts said goes before the list; a name is whole from one of them.
     SELECT CASE WHEN a.contact ?| ARRAY['first_name', 'last_name'] THEN a.contact
                 ELSE t.contact END AS contact
 ) AS named
 WHERE a.id = ANY(%(ids)s)
