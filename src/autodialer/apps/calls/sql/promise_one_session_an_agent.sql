-- I3: Find sessions that began before the last one of the same agent had ended.
WITH sessions AS (
    -- Each session beside the agent's earlier ones.
    SELECT id, created_at,
           lag(coalesce(ended_at, 'infinity')) OVER (PARTITION BY user_id
                                                         ORDER BY created_at, ended_at) AS last_end
      FROM calls_session
), broken AS (
    -- Web server and dialer date the two; their clocks may differ by a second.
    SELECT id FROM sessions WHERE created_at < last_end - interval '1 second'
)
SELECT count(*) AS broken, (array_agg(id::text ORDER BY id))[1:5] AS examples FROM broken;
