-- For \ir as superuser.
-- How many rows a statement returns when parallel workers alone read the table; NULL where none was at work.
CREATE FUNCTION rows_by_workers(statement text) RETURNS bigint LANGUAGE plpgsql
SET parallel_leader_participation = off SET parallel_setup_cost = 0 SET parallel_tuple_cost = 0
SET min_parallel_table_scan_size = 0 SET max_parallel_workers_per_gather = 2
AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || statement INTO plan;
    IF coalesce((jsonb_path_query_first(plan, '$.**."Workers Launched"'))::int, 0) = 0 THEN
        RETURN NULL;
    END IF;
    RETURN (plan #>> '{0,Plan,Actual Rows}')::numeric::bigint;
END $$;
