-- Define calls_grant: the share of a limit of which others took some (domain.pacing.grant in SQL).
CREATE OR REPLACE FUNCTION pg_temp.calls_grant(
    _limit bigint, _rank bigint, _parts bigint, _taken bigint
) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN _limit IS NULL THEN NULL
                WHEN _parts = 0 THEN 0
                ELSE greatest(0, least(
                         _limit / _parts + (_rank % _parts < _limit % _parts)::int,
                         _limit - _taken)) END
$$;
