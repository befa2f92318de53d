-- Return a node's agents who wait for a number from a Dial-Whom URL that may be asked now; with
-- session_id only that one.
SELECT s.id AS session_id, c.id AS campaign_id, c.dial_whom_url AS url, u.name AS agent,
       u.email AS agent_email,
       -- Not joined: only whom all below lets through is worth looking up.
       coalesce((SELECT device.address FROM agents_agentdevice AS device
                  WHERE device.id = s.device_id), '') AS agent_address,
       coalesce((SELECT callbacks.custom_field FROM campaigns_callbacks AS callbacks
                  WHERE callbacks.campaign_id = c.id), '') AS custom_field,
       caller.e164 AS caller_id, s.created_at AS started_at, s.ready_at,
       account.id AS account_id, account.allows_http AS plain_http,
       c.ring_timeout_s, account.zone, account.region,
       account.window_opens AS account_opens, account.window_closes AS account_closes,
       c.window_opens AS campaign_opens, c.window_closes AS campaign_closes
  FROM calls_session AS s
  JOIN campaigns_numbersource AS source ON source.campaign_id = s.campaign_id
  JOIN campaigns_campaign AS c ON c.id = s.campaign_id
  JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
  JOIN accounts_account AS account ON account.id = c.account_id
  JOIN accounts_user AS u ON u.id = s.user_id
 CROSS JOIN LATERAL (
     -- A number that was called after this rests.
     SELECT %(now)s::timestamptz - make_interval(secs => account.redial_gap_s) AS since
 ) AS rest
 WHERE s.node_id = %(node_id)s AND s.status <> 'ended' AND s.status = 'ready'
   AND s.id = coalesce(%(session_id)s::uuid, s.id)
   AND s.stop_reason = ''
   AND source.exhausted_at IS NULL
   AND (source.not_before IS NULL OR source.not_before <= %(now)s)
   AND c.status = 'in-progress' AND c.starts_at <= %(now)s AND c.ends_at > %(now)s
   AND caller.verified_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM calls_attempt AS live
                    WHERE live.session_id = s.id AND live.state <> 'ended')
   -- What was given and not dialled yet goes first, but not what was called a moment ago.
   AND NOT EXISTS (SELECT FROM campaigns_target AS t
                    WHERE t.campaign_id = c.id AND t.status = 'scheduled'
                      AND NOT EXISTS (SELECT FROM calls_attempt AS past
                                       WHERE past.account_id = t.account_id AND past.e164 = t.e164
                                         AND past.state = 'ended' AND past.try_no IS NOT NULL
                                         AND past.ended_at > rest.since
                                       OFFSET 0))
   AND NOT EXISTS (SELECT FROM campaigns_target AS t
                    WHERE t.campaign_id = c.id AND t.status = 'retry' AND t.due_at <= %(now)s
                      AND NOT EXISTS (SELECT FROM calls_attempt AS past
                                       WHERE past.account_id = t.account_id AND past.e164 = t.e164
                                         AND past.state = 'ended' AND past.try_no IS NOT NULL
                                         AND past.ended_at > rest.since
                                       OFFSET 0))
 ORDER BY s.created_at, s.id;
