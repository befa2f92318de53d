-- Walk through claim and finish for a node that does not exist: they are planned, and do nothing.
SELECT pg_temp.calls_finish(
           -1, NULL::uuid, '', '', FALSE, FALSE, NULL::timestamptz, NULL::timestamptz, FALSE,
           'retry', '', NULL::timestamptz),
       pg_temp.calls_claim(-1, NULL::uuid, NULL::uuid, NULL::timestamptz, NULL::int, '');
