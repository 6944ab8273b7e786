-- The audit log answers each reader with what is his own, also by parallel workers and where a missing identity is loud.
\ir lib/cast.sql
\ir lib/parallel.sql
SELECT warden.add_admin_role('boss');
INSERT INTO warden.audit_records (source, action, database_role, user_id)
SELECT 'application', 'seen', 'app', CASE i % 2 WHEN 0 THEN :'alice' ELSE :'bob' END::uuid FROM generate_series(1, 20000) AS i;
ANALYZE warden.audit_records;
SELECT count(*) AS total FROM warden.audit_records \gset

\ir lib/as_attacker.sql
SELECT t.refused('SELECT * FROM warden.audit_records', '42501', 'the table itself is closed');
SELECT t.rows('SELECT * FROM warden.audit_log', 0, 'nobody sees nothing');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('SELECT * FROM warden.audit_log', 10000, 'alice sees what was done in her name');
SELECT t.rows(format('SELECT * FROM warden.audit_log WHERE user_id IS DISTINCT FROM %L', :'alice'), 0, 'and nothing else');
SELECT t.is(rows_by_workers('SELECT * FROM warden.audit_log'), 10000, 'workers find the same');
COMMIT;
SET warden.missing_identity = error;
SELECT t.refused('SELECT * FROM warden.audit_log', '28000', 'nobody, where that is loud');

\connect - boss
SELECT t.rows('SELECT * FROM warden.audit_log', :total, 'an admin role sees all of it');
SELECT t.is(rows_by_workers('SELECT * FROM warden.audit_log'), :total, 'by workers, too');
SET warden.missing_identity = error;
SELECT t.rows('SELECT * FROM warden.audit_log', :total, 'and needs no identity for it');
\connect - postgres
SET warden.missing_identity = error;
SELECT t.rows('SELECT * FROM warden.audit_log', :total, 'a superuser likewise');

-- A function in the reader's WHERE is not shown what the reader may not see.
\connect - app
CREATE TEMP TABLE leaked (user_id uuid);
CREATE FUNCTION pg_temp.leak(id uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    INSERT INTO leaked VALUES (id);
    RETURN true;
END $$;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT count(*) FROM warden.audit_log WHERE pg_temp.leak(user_id);
SELECT t.is(string_agg(DISTINCT user_id::text, ', '), :'bob', 'a leaky function in WHERE sees bob''s records only') FROM leaked;
COMMIT;
SELECT t.done();
