-- Return what decides why a session got no target; NULLs: the session is not this node's.
SELECT EXISTS (SELECT FROM calls_node AS n WHERE n.id = %(node_id)s AND n.epoch = %(epoch)s)
           AS held,
       s.status AS session_status, s.stop_reason,
       c.id AS campaign_id, c.status AS campaign_status, c.starts_at, c.ends_at, c.ring_timeout_s,
       account.zone, account.window_opens AS account_opens, account.window_closes AS account_closes,
       c.window_opens AS campaign_opens, c.window_closes AS campaign_closes,
       caller.verified_at IS NOT NULL AS caller_id_verified,
       u.is_active
       AND EXISTS (SELECT FROM agents_groupmember AS m
                    WHERE m.group_id = c.group_id AND m.user_id = s.user_id
                    UNION ALL
                   SELECT FROM campaigns_campaignagent AS picked
                    WHERE picked.campaign_id = c.id AND picked.user_id = s.user_id)
           AS takes_part,
       source.campaign_id IS NOT NULL AS source_is_open, source.not_before AS source_not_before,
       -- Until when a number may come that somebody else asked for before the source ended.
       (SELECT ended.exhausted_at + %(latest_answer)s
          FROM campaigns_numbersource AS ended
         WHERE ended.campaign_id = c.id AND ended.exhausted_at + %(latest_answer)s > %(now)s
           AND EXISTS (SELECT FROM calls_session AS other
                        WHERE other.campaign_id = c.id AND other.id <> s.id
                          AND (other.ended_at IS NULL
                               OR other.ended_at > ended.exhausted_at - %(latest_answer)s)))
           AS late_numbers_until,
       EXISTS (SELECT FROM campaigns_target AS t
                WHERE t.campaign_id = c.id AND t.status = 'scheduled') AS has_scheduled,
       EXISTS (SELECT FROM campaigns_target AS t
                WHERE t.campaign_id = c.id AND t.status IN ('in-progress', 'retrying')) AS has_live,
       (SELECT min(t.due_at) FROM campaigns_target AS t
         WHERE t.campaign_id = c.id AND t.status = 'retry') AS next_due,
       -- When the first of the numbers that were called a moment ago may be called again. The
       -- next 200 are enough to know: who waits asks again within seconds.
       (SELECT min(rest.ends_at)
          FROM ((SELECT t.e164 FROM campaigns_target AS t
                  WHERE t.campaign_id = c.id AND t.status = 'scheduled'
                  ORDER BY t.seq LIMIT 200)
                UNION ALL
                (SELECT t.e164 FROM campaigns_target AS t
                  WHERE t.campaign_id = c.id AND t.status = 'retry' AND t.due_at <= %(now)s
                  ORDER BY t.due_at, t.id LIMIT 200)) AS waiting
         CROSS JOIN LATERAL (
             SELECT past.ended_at + make_interval(secs => account.redial_gap_s) AS ends_at
               FROM calls_attempt AS past
              WHERE past.account_id = c.account_id AND past.e164 = waiting.e164
                AND past.state = 'ended' AND past.try_no IS NOT NULL
              ORDER BY past.account_id DESC, past.e164 DESC, past.ended_at DESC
              LIMIT 1
         ) AS rest
         WHERE rest.ends_at > %(now)s) AS rest_ends_at
  FROM (SELECT %(session_id)s::uuid AS id) AS asked
  LEFT JOIN calls_session AS s ON s.id = asked.id AND s.node_id = %(node_id)s
  LEFT JOIN accounts_user AS u ON u.id = s.user_id
  LEFT JOIN campaigns_campaign AS c ON c.id = s.campaign_id
  LEFT JOIN campaigns_callerid AS caller ON caller.id = c.caller_id_id
  LEFT JOIN campaigns_numbersource AS source
    ON source.campaign_id = c.id AND source.exhausted_at IS NULL
  LEFT JOIN accounts_account AS account ON account.id = c.account_id;
