-- Finish the target that a claim met on the DND list, and listed ones among the next 500.
-- One at a time would make the agent wait where the whole list is forbidden.
WITH lease AS (
    -- Locked against a takeover of the node until this commits.
    SELECT id FROM calls_node WHERE id = %(node_id)s AND epoch = %(epoch)s FOR KEY SHARE
), ahead AS (
    -- A bounded look ahead in the order of the list.
    (SELECT id
       FROM campaigns_target
      WHERE campaign_id = %(campaign_id)s AND status = 'scheduled' AND seq >= %(from_seq)s
      ORDER BY seq
      LIMIT 500)
    UNION
    SELECT %(target_id)s
), listed AS (
    -- A target that somebody else has locked is met again later.
    SELECT t.id, t.status
      FROM ahead
      JOIN campaigns_target AS t ON t.id = ahead.id
     WHERE t.status IN ('scheduled', 'retry')
       AND EXISTS (SELECT FROM contacts_dndentry AS dnd
                    WHERE dnd.account_id = t.account_id AND dnd.e164 = t.e164)
       FOR UPDATE OF t SKIP LOCKED
), refused AS (
    -- Final: nobody is called.
    UPDATE campaigns_target AS t
       SET status = 'failed-dnd', reason = 'do_not_call', due_at = NULL, changed_at = %(now)s
      FROM lease, listed
     WHERE t.id = listed.id
    RETURNING t.id, listed.status AS old
), noted AS (
    -- The history of the targets.
    INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
    SELECT id, old, 'failed-dnd', 'do_not_call', %(now)s FROM refused
)
SELECT EXISTS (SELECT FROM lease) AS held;
