-- Define calls_settle_trunk: keep a lease, note what the node takes of its trunk, grant its share.
-- settled FALSE: another node is being served at this moment, and the share stays as it is.
CREATE OR REPLACE FUNCTION pg_temp.calls_settle_trunk(
    _node_id bigint, _epoch bigint, _now timestamptz, _until timestamptz,
    _starts int, _lines int, _waiting int, _round_s int, _second interval,
    OUT held boolean, OUT settled boolean, OUT calls_per_second int, OUT calls_at_once int
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    _trunk record;
    _fair record;
    _taken record;
BEGIN
    -- The others see it together with the grant. A renewal that arrives after a later one takes
    -- nothing back, nor does a dialer that has not counted for a second yet.
    UPDATE calls_node AS n
       SET lease_until = _until,
           trunk_starts = CASE WHEN _until < n.lease_until THEN greatest(_starts, n.trunk_starts)
                               ELSE coalesce(_starts, n.trunk_starts) END,
           trunk_lines = CASE WHEN _until < n.lease_until THEN greatest(_lines, n.trunk_lines)
                              ELSE _lines END,
           trunk_waiting = _waiting
     WHERE n.id = _node_id AND n.epoch = _epoch;
    held := FOUND;
    settled := FALSE;
    IF NOT held THEN
        RETURN;
    END IF;

    SELECT t.id, t.name, t.calls_per_second, t.calls_at_once INTO _trunk
      FROM calls_node AS n
      JOIN calls_trunk AS t ON t.name = n.trunk
     WHERE n.id = _node_id;
    IF NOT FOUND OR (_trunk.calls_per_second IS NULL AND _trunk.calls_at_once IS NULL) THEN
        settled := TRUE;
        RETURN;
    END IF;

    -- One node after the other, but no lease waits for another node. What follows sees what the
    -- last one committed: each statement here reads anew.
    PERFORM FROM calls_trunk AS t WHERE t.id = _trunk.id FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    WITH alive AS (
        -- The nodes that may call.
        SELECT n.id, EXISTS (SELECT FROM calls_session AS s
                              WHERE s.node_id = n.id AND s.status <> 'ended') AS has_sessions
          FROM calls_node AS n
         WHERE n.trunk = _trunk.name AND n.removed_at IS NULL
           AND (n.id = _node_id OR n.lease_until > _now)
    ), wanting AS (
        -- Those with agents; while nobody has any, all of them.
        SELECT id FROM alive WHERE has_sessions OR NOT EXISTS (SELECT FROM alive WHERE has_sessions)
    )
    SELECT count(*) FILTER (WHERE id < _node_id)
               + floor(extract(epoch FROM _now) / _round_s)::bigint AS rank,
           -- 0 for a node that wants nothing.
           CASE WHEN bool_or(id = _node_id) THEN count(*) ELSE 0 END AS parts
      INTO _fair
      FROM wanting;

    -- The last calls of a dialer that is gone may be less than a second old.
    SELECT coalesce(sum(n.trunk_starts) FILTER (WHERE n.lease_until + _second > _now),
                    0)::bigint AS starts,
           coalesce(sum(CASE WHEN n.lease_until > _now THEN n.trunk_lines
                             ELSE customers.number + agents.number END), 0)::bigint AS lines
      INTO _taken
      FROM calls_node AS n
     CROSS JOIN LATERAL (
         -- A dialer that is gone calls nobody, but what it has called may be talking still.
         SELECT count(*) AS number FROM calls_attempt AS a
          WHERE a.state <> 'ended' AND a.node_id = n.id AND n.lease_until > _now IS NOT TRUE
     ) AS customers
     CROSS JOIN LATERAL (
         -- Its agents who were called by telephone.
         SELECT count(*) AS number
           FROM calls_session AS s
           LEFT JOIN agents_agentdevice AS d ON d.id = s.device_id
          WHERE s.node_id = n.id AND s.status <> 'ended' AND coalesce(d.kind = 'phone', TRUE)
            AND n.lease_until > _now IS NOT TRUE
     ) AS agents
     WHERE n.trunk = _trunk.name AND n.removed_at IS NULL AND n.id <> _node_id;

    calls_per_second := pg_temp.calls_grant(
        _trunk.calls_per_second, _fair.rank, _fair.parts, _taken.starts);
    calls_at_once := pg_temp.calls_grant(
        _trunk.calls_at_once, _fair.rank, _fair.parts, _taken.lines);
    -- Recorded before it is used. What the node takes beyond it, it still takes.
    UPDATE calls_node AS n
       SET trunk_starts = greatest(n.trunk_starts, calls_per_second),
           trunk_lines = greatest(n.trunk_lines, calls_at_once)
     WHERE n.id = _node_id;
    settled := TRUE;
END $$;
