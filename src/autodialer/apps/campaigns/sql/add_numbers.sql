-- Add the numbers of a Dial-Whom answer that the campaign does not have yet, at its end.
-- Campaign and source are locked by lock_source: the places and the size are nobody else's.
WITH known AS (
    -- What the campaign has of them.
    SELECT asked.e164, asked.place, t.status
      FROM unnest(%(numbers)s::text[]) WITH ORDINALITY AS asked (e164, place)
      LEFT JOIN campaigns_target AS t
        ON t.campaign_id = %(campaign_id)s AND t.e164 = asked.e164
), added AS (
    -- One target a number (R13).
    INSERT INTO campaigns_target (account_id, campaign_id, seq, e164, contact, status, reason,
                                  tries, max_tries, due_at, changed_at)
    SELECT c.account_id, c.id, c.target_count + row_number() OVER (ORDER BY known.place),
           known.e164, '{}', 'scheduled', '', 0, 1 + c.retries, NULL, %(now)s
      FROM campaigns_campaign AS c
     CROSS JOIN known
     WHERE c.id = %(campaign_id)s AND known.status IS NULL
    RETURNING id
), counted AS (
    -- The ten counts add up to the size in every read.
    UPDATE campaigns_campaign
       SET target_count = target_count + (SELECT count(*) FROM added)
     WHERE id = %(campaign_id)s
)
SELECT (SELECT count(*) FROM added) AS fresh,
       count(*) FILTER (WHERE status IN ('scheduled', 'in-progress', 'retry', 'retrying'))
           AS unfinished
  FROM known;
