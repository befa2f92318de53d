-- Define calls_fence: lock a node for its lease until the commit; NULL: another one drives it now.
CREATE OR REPLACE FUNCTION pg_temp.calls_fence(_node_id bigint, _epoch bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    -- A takeover that is under way is waited for, and its epoch seen.
    PERFORM FROM calls_node WHERE id = _node_id AND epoch = _epoch FOR KEY SHARE;
    RETURN CASE WHEN FOUND THEN _node_id END;
END $$;
