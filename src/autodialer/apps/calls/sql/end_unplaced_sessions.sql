-- End the sessions that no node has taken, and give back what they reserved.
WITH ended AS (
    -- Nobody's phone has rung for them.
    UPDATE calls_session
       SET status = 'ended', ended_at = greatest(%(at)s, created_at), end_reason = %(reason)s
     WHERE node_id IS NULL AND status <> 'ended'
    RETURNING id
), voided AS (
    -- A hold lives exactly as long as its leg.
    UPDATE billing_hold AS h
       SET status = 'voided', charged = 0, closed_at = %(at)s
      FROM ended
     WHERE h.leg = ended.id AND h.status = 'open'
)
SELECT count(*) FROM ended;
