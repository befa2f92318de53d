-- How many jobs there are, by queue and status; those that were done are deleted.
SELECT queue_name AS queue, status::text AS status, count(*) AS count
  FROM procrastinate_jobs
 GROUP BY queue_name, status
