-- Complete one campaign that is past its end or has nothing left to do; no row: there is none.
-- In the same transaction close_leftovers must follow, as a statement of its own: it has to see
-- what was committed while this one waited for the campaign.
WITH over AS (
    -- Nobody else completes it: exactly once.
    SELECT c.id, c.status,
           CASE WHEN c.ends_at <= %(now)s THEN 'campaign_ended' ELSE 'exhausted' END AS reason
      FROM campaigns_campaign AS c
     WHERE c.status IN ('created', 'in-progress', 'paused')
       AND (%(campaign_id)s::bigint IS NULL OR c.id = %(campaign_id)s::bigint)
       AND (c.ends_at <= %(now)s
            OR c.status <> 'created'
               -- A Dial-Whom URL may still give numbers, after its end to another one of those who
               -- asked before it. OFFSET 0: asked by its key.
               AND NOT EXISTS (SELECT FROM campaigns_numbersource AS source
                                WHERE source.campaign_id = c.id
                                  AND (source.exhausted_at IS NULL
                                       OR source.exhausted_at + %(latest_answer)s > %(now)s
                                          AND (SELECT count(*) FROM calls_session AS s
                                                WHERE s.campaign_id = c.id
                                                  AND (s.ended_at IS NULL
                                                       OR s.ended_at > source.exhausted_at
                                                                       - %(latest_answer)s)) > 1)
                                OFFSET 0)
               AND NOT EXISTS (SELECT FROM campaigns_target AS t
                                WHERE t.campaign_id = c.id AND t.status = 'scheduled')
               AND NOT EXISTS (SELECT FROM campaigns_target AS t
                                WHERE t.campaign_id = c.id AND t.status = 'retry')
               AND NOT EXISTS (SELECT FROM campaigns_target AS t
                                WHERE t.campaign_id = c.id
                                  AND t.status IN ('in-progress', 'retrying')))
     LIMIT 1
       FOR NO KEY UPDATE OF c SKIP LOCKED
), completed AS (
    -- Claims find no campaign in progress any more.
    UPDATE campaigns_campaign AS c
       SET status = 'completed', reason = over.reason
      FROM over
     WHERE c.id = over.id
    RETURNING c.id, over.status AS old, over.reason
)
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, old, 'completed', reason, 'schedule', %(now)s FROM completed
RETURNING campaign_id;
