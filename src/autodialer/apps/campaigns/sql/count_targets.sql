-- How many targets of each of these campaigns have each status: counts of one instant.
SELECT c.id AS campaign_id, counted.status, counted.targets
  FROM campaigns_campaign AS c
 CROSS JOIN LATERAL (
     -- Each campaign by itself: its part of the index is in this order already.
     SELECT t.status, count(*) AS targets
       FROM campaigns_target AS t
      WHERE t.campaign_id = c.id
      GROUP BY t.status
 ) AS counted
 WHERE c.account_id = %(account_id)s AND c.id = ANY(%(campaign_ids)s)
