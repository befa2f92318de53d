-- How many targets of each of these campaigns have each status: counts of one instant.
SELECT t.campaign_id, t.status, count(*) AS targets
  FROM campaigns_target AS t
  JOIN campaigns_campaign AS c ON c.id = t.campaign_id
 WHERE c.account_id = %(account_id)s AND c.id = ANY(%(campaign_ids)s)
 GROUP BY t.campaign_id, t.status
