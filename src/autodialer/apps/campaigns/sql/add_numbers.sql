-- Add the numbers of a Dial-Whom answer that the campaign does not have yet, at its end.
-- Campaign and source are locked by lock_source: the places and the size are nobody else's.
WITH campaign AS (
    -- Nothing is added to one that is over, nor by a dialer that has lost its node.
    SELECT c.id, c.account_id, c.target_count, c.retries
      FROM calls_node AS node
     CROSS JOIN campaigns_campaign AS c
     WHERE node.id = %(node_id)s AND node.epoch = %(epoch)s
       AND c.id = %(campaign_id)s AND c.status NOT IN ('completed', 'archived')
), known AS (
    -- What may be dialled of them, and what the campaign has of it. To call one of the account's
    -- own numbers (contacts/sql/own_numbers.sql) would call ourselves.
    SELECT asked.e164, asked.place, t.status
      FROM campaign AS c
     CROSS JOIN unnest(%(numbers)s::text[]) WITH ORDINALITY AS asked (e164, place)
      LEFT JOIN campaigns_target AS t ON t.campaign_id = c.id AND t.e164 = asked.e164
     WHERE asked.e164 NOT IN (
           SELECT own.e164 FROM campaigns_callerid AS own WHERE own.account_id = %(account_id)s
           UNION ALL
           SELECT device.address
             FROM agents_agentdevice AS device
             JOIN accounts_user AS owner ON owner.id = device.user_id
            WHERE owner.account_id = %(account_id)s AND device.kind = 'phone')
), fresh AS (
    -- One target a number (R13).
    SELECT e164, row_number() OVER (ORDER BY place) AS place FROM known WHERE status IS NULL
), added AS (
    -- As many as there is room for.
    INSERT INTO campaigns_target (account_id, campaign_id, seq, e164, contact, status, reason,
                                  tries, max_tries, due_at, changed_at)
    SELECT c.account_id, c.id, c.target_count + fresh.place, fresh.e164, '{}', 'scheduled', '',
           0, 1 + c.retries, NULL, %(now)s
      FROM campaign AS c
     CROSS JOIN fresh
     WHERE c.target_count + fresh.place <= %(most)s
    RETURNING id
), counted AS (
    -- The ten counts add up to the size in every read.
    UPDATE campaigns_campaign
       SET target_count = target_count + (SELECT count(*) FROM added)
     WHERE id = %(campaign_id)s AND EXISTS (SELECT FROM added)
), cleared AS (
    -- New numbers make good all that was wrong before (domain.dial_whom.after_numbers).
    UPDATE campaigns_numbersource
       SET failures = 0, repeats = 0, not_before = NULL, trouble = ''
     WHERE campaign_id = %(campaign_id)s AND EXISTS (SELECT FROM added)
       AND (failures > 0 OR repeats > 0 OR not_before IS NOT NULL OR trouble <> '')
)
SELECT (SELECT count(*) FROM added) AS fresh, count(*) AS dialable,
       count(*) FILTER (WHERE status IN ('scheduled', 'in-progress', 'retry', 'retrying'))
           AS unfinished
  FROM known;
