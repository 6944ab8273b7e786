-- For \ir after cast.sql: a table large enough to be read by parallel workers. many: 10000 rows each of alice and bob.
SET ROLE owner;
CREATE TABLE many (id int, user_id uuid, filler text);
INSERT INTO many SELECT i, CASE WHEN i % 2 = 0 THEN :'alice' ELSE :'bob' END::uuid, repeat('x', 50)
FROM generate_series(1, 20000) AS i;
ALTER TABLE many ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON many USING (user_id = warden.current_user_id());
GRANT SELECT ON many TO app, gateway;
RESET ROLE;
ANALYZE many;

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
