-- Return the calls of a campaign for its report, oldest first.
SELECT a.id::text AS call_id, a.e164 AS number,
       trim(concat(named.contact->>'first_name', ' ', named.contact->>'last_name')) AS contact,
       u.name AS agent, a.caller_id, a.try_no,
       -- A live call has no outcome yet: it shows what it does.
       coalesce(nullif(a.status, ''), a.state) AS status, a.reason, a.abandoned, a.estimated,
       a.placed_at, a.answered_at, a.ended_at,
       round(extract(epoch FROM a.ended_at - a.answered_at), 1)::float8 AS talk_seconds,
       -- Minor units are hundredths (domain.money.CURRENCIES).
       CASE WHEN hold.status <> 'open' THEN round(hold.charged / 100.0, 2) END AS charged,
       CASE WHEN hold.status <> 'open' THEN purse.currency END AS currency,
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
  LEFT JOIN billing_hold AS hold ON hold.leg = a.id
  LEFT JOIN billing_purse AS purse ON purse.account_id = a.account_id
 WHERE a.account_id = %(account_id)s AND a.campaign_id = %(campaign_id)s
 ORDER BY a.placed_at, a.id;
