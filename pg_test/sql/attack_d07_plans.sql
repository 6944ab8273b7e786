-- D7: plans made for one role or user and run by another (CVE-2016-2193, CVE-2023-2455, CVE-2024-10976).
\ir lib/people.sql
\connect - owner
CREATE TABLE many (id int PRIMARY KEY, user_id uuid, body text);
INSERT INTO many SELECT i, CASE WHEN i % 4 = 0 THEN :alice ELSE :bob END::uuid, repeat('x', 60) FROM generate_series(1, 20000) i;
SELECT count(*) FROM warden.protect('many');
GRANT SELECT ON many TO gateway, app;
ANALYZE many;
CREATE FUNCTION in_subquery() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM (SELECT * FROM many OFFSET 0) m $$;
CREATE FUNCTION in_cte() RETURNS bigint LANGUAGE sql STABLE AS $$ WITH m AS MATERIALIZED (SELECT * FROM many) SELECT count(*) FROM m $$;
CREATE VIEW as_invoker WITH (security_invoker) AS SELECT * FROM many;
GRANT SELECT ON as_invoker TO gateway, app;

-- One session that changes its role: what a plan may show is decided by who runs it.
\connect - postgres
PREPARE counted AS SELECT count(*) FROM many;
PREPARE viewed AS SELECT count(*) FROM as_invoker;
PREPARE nested AS SELECT in_subquery() + in_cte();
CREATE FUNCTION pg_temp.run(statement text) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE n bigint; BEGIN EXECUTE 'EXECUTE ' || statement INTO n; RETURN n; END $$;
SELECT t.is(ARRAY[pg_temp.run('counted'), pg_temp.run('viewed'), pg_temp.run('nested')], '{20000,20000,40000}', 'the superuser plans first, and sees all');
SET ROLE app;
SELECT t.is(ARRAY[pg_temp.run('counted'), pg_temp.run('viewed'), pg_temp.run('nested')], '{0,0,0}', 'the same plans as the client''s');
SET ROLE gateway;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(ARRAY[pg_temp.run('counted'), pg_temp.run('viewed'), pg_temp.run('nested')], '{5000,5000,10000}', 'as alice''s');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(ARRAY[pg_temp.run('counted'), pg_temp.run('viewed'), pg_temp.run('nested')], '{15000,15000,30000}', 'as bob''s');
COMMIT;
RESET ROLE;
SELECT t.is(pg_temp.run('counted'), 20000, 'and as the superuser''s again');

-- Generic plans, and parallel ones without the leader: the same rows.
\connect - gateway
SET plan_cache_mode = force_generic_plan;
PREPARE newest(int) AS SELECT count(*) FROM many WHERE id > $1;
SET parallel_leader_participation = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
CREATE FUNCTION pg_temp.workers(statement text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || statement INTO plan;
    RETURN (jsonb_path_query_first(plan, '$.**."Workers Launched"'))::int;
END $$;
BEGIN;
SELECT warden.set_current_user(:alice);
EXECUTE newest(0) \gset
SELECT t.is(:count, 5000, 'a parallel generic plan shows alice hers');
SELECT t.ok(pg_temp.workers('EXECUTE newest(0)') > 0, 'and workers were at work');
SET LOCAL max_parallel_workers_per_gather = 0;
EXECUTE newest(0) \gset
SELECT t.is(:count, 5000, 'a serial one the same');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob);
EXECUTE newest(0) \gset
SELECT t.is(:count, 15000, 'the same generic plan shows bob his');
COMMIT;
EXECUTE newest(0) \gset
SELECT t.is(:count, 0, 'and nobody nothing');
SELECT t.done();
