-- D2, D7: views, functions, cached plans and parallel plans show a user its own rows only.
\ir lib/people.sql
\connect - owner
CREATE TABLE documents (id int, user_id uuid, body text);
INSERT INTO documents SELECT i, CASE i % 3 WHEN 0 THEN :alice::uuid ELSE :bob END, 'x' FROM generate_series(1, 30000) i;
SELECT count(*) FROM warden.protect('documents', create_index => false);
GRANT SELECT ON documents TO gateway, app;
CREATE VIEW by_invoker WITH (security_invoker) AS SELECT * FROM documents;
CREATE VIEW by_owner AS SELECT * FROM documents;
CREATE FUNCTION by_definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT count(*) FROM documents';
CREATE MATERIALIZED VIEW copied AS SELECT * FROM documents WITH NO DATA;
SELECT t.refused('REFRESH MATERIALIZED VIEW copied', '42501', 'what would leave rows out without a word is refused');
BEGIN;
SELECT warden.begin_admin('a copy for the report');
REFRESH MATERIALIZED VIEW copied;
COMMIT;
GRANT SELECT ON by_invoker, by_owner, copied TO gateway;
ANALYZE documents;

\connect - gateway
SELECT t.is(count(*), 0, 'nobody, through a view') FROM by_owner;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 10000, 'a view with security_invoker') FROM by_invoker;
SELECT t.is(count(*), 10000, 'a view of the table''s owner, who is bound by FORCE') FROM by_owner;
SELECT t.is(by_definer(), 10000, 'a SECURITY DEFINER function of the table''s owner');
SELECT t.is(count(*), 30000, 'a materialized view that its owner has filled and granted is no longer protected: doctor() tells') FROM copied;
COMMIT;

-- Parallel plans without the leader give the same rows.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.matches(t.plan('SELECT count(*) FROM documents'), 'Parallel Seq Scan', 'the plan is parallel');
SELECT t.is(count(*), 10000, 'and counts her rows') FROM documents;
COMMIT;
SELECT t.is(count(*), 0, 'nobody counts none in parallel') FROM documents;

-- A plan cached under alice, executed by bob and by another role.
PREPARE mine AS SELECT count(*) FROM documents;
SET plan_cache_mode = force_generic_plan;
CREATE FUNCTION pg_temp.rows() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM documents); END';
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(pg_temp.rows(), 10000, 'a cached plan, alice');
EXECUTE mine;
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(pg_temp.rows(), 20000, 'the same plan, bob');
COMMIT;
SELECT t.is(pg_temp.rows(), 0, 'the same plan, nobody');
SET row_security = off;
SELECT t.refused('SELECT count(*) FROM documents', '42501', 'row_security = off raises, and shows nothing');
RESET row_security;

\connect - postgres
SET ROLE gateway;
PREPARE counted AS SELECT count(*) FROM documents;
EXECUTE counted \gset gateway_
RESET ROLE;
EXECUTE counted \gset superuser_
SET ROLE app;
EXECUTE counted \gset app_
RESET ROLE;
SELECT t.is(:gateway_count || ' ' || :superuser_count || ' ' || :app_count, '0 30000 0', 'a prepared statement follows SET ROLE');
SELECT t.done();
