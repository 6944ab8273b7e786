-- N2, A9: doctor() finds nothing in databases where nothing is wrong, and says so to admin roles and superusers only; it
-- reads the catalogue and changes nothing.
\ir lib/doctor.sql

-- Whoever administers, and nobody else.
SELECT warden.add_admin_role('boss'), warden.add_key_role('keymaster');
CREATE ROLE doctor_clean_batch;
SELECT warden.add_migration_role('doctor_clean_batch');
GRANT SELECT ON documents TO boss, doctor_clean_batch;
GRANT TRUNCATE ON documents TO app;
\connect - boss
SELECT t.is(string_agg(code || ' ' || object, ', '), 'privilege_granted public.documents', 'an admin role is told')
FROM warden.doctor() WHERE code <> 'server_outdated';
\connect - app
SELECT t.refused('SELECT * FROM warden.doctor()', '42501', 'a client is not');
SELECT t.refused('SELECT * FROM warden.findings_of_tables()', '42501', 'nor by a part of it');
\connect - owner
SELECT t.refused('SELECT * FROM warden.doctor()', '42501', 'nor is the owner of the tables');
\connect - keymaster
SELECT t.refused('SELECT * FROM warden.doctor()', '42501', 'nor a key role');
\connect - postgres
-- By way of a function of somebody who may.
CREATE FUNCTION by_superuser() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT count(*) FROM warden.doctor()';
SELECT t.is(by_superuser() > 0, true, 'a superuser''s function, called by the superuser');
\connect - app
SELECT t.refused('SELECT by_superuser()', '42501', 'it does not lend a client the right');
\connect - postgres
DROP FUNCTION by_superuser();
REVOKE TRUNCATE ON documents FROM app;

-- A9: everything there is to declare, declared.
SET ROLE owner;
CREATE TABLE notes (id uuid PRIMARY KEY, user_id text, tenant_id uuid, UNIQUE (user_id, id));
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL, paid boolean);
CREATE TABLE orders_old () INHERITS (orders);
CREATE TABLE posts (id uuid PRIMARY KEY, user_id uuid, is_public boolean NOT NULL);
CREATE TABLE letters (id uuid PRIMARY KEY, user_id uuid, body text);
CREATE POLICY mine ON letters USING (true);
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE sessions (id text PRIMARY KEY, user_id uuid);
CREATE TABLE schema_migrations (version text PRIMARY KEY, user_id uuid);
CREATE VIEW my_documents WITH (security_invoker) AS SELECT * FROM documents;
CREATE VIEW owners_view AS SELECT * FROM documents;
CREATE FUNCTION by_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1::bigint';
CREATE FUNCTION pinned() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(*) FROM documents; END;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, orders, posts, letters, countries, sessions, my_documents, owners_view TO app, PUBLIC;
RESET ROLE;
SELECT count(*) FROM warden.protect('notes', tenant_column => 'tenant_id');
SELECT count(*) FROM warden.protect('orders');
SELECT count(*) FROM warden.protect('posts', public_column => 'is_public');
SELECT count(*) FROM warden.protect('letters', replace_policies => true);
SELECT warden.allow('letters', 'SELECT', 'body = ''open''', 'an example');
SELECT warden.exempt('countries', 'the same for everybody');
SELECT warden.exempt('sessions', 'the framework looks sessions up before anybody is signed in');
SELECT warden.watch_schema('public', except_tables => '{schema_migrations}');
CREATE TABLE made_while_watching (id uuid PRIMARY KEY, user_id uuid);
SELECT t.is(found(), NULL, 'every kind of role, table and declared exception: nothing is found');

-- Read only: no lock that anybody could wait for, no transaction id.
BEGIN READ ONLY;
SELECT t.is(found(), NULL, 'in a read-only transaction');
SELECT t.is(string_agg(DISTINCT mode, ', '), 'AccessShareLock', 'no lock beyond AccessShare')
FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid');
SELECT t.is(pg_current_xact_id_if_assigned()::text, NULL, 'no transaction id');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT t.is(found(), NULL, 'serializable, too');
COMMIT;
SET search_path = pg_temp; SET quote_all_identifiers = on; SET standard_conforming_strings = off; SET row_security = off;
SELECT t.is(public.found(), NULL, 'under settings that change how names are written');
RESET ALL;

-- Each code has its severity, and a finding no other form than the five columns.
SELECT t.is(string_agg(DISTINCT severity, ' ' ORDER BY severity), 'advice critical warning', 'severities') FROM warden.finding_codes();
SELECT t.is(count(*), count(DISTINCT code), 'one severity a code') FROM warden.finding_codes();
SELECT t.is(string_agg(code, ', '), NULL, 'codes are lower_snake') FROM warden.finding_codes() WHERE code !~ '^[a-z]+(_[a-z]+)*$';

DROP OWNED BY doctor_clean_batch;
DROP ROLE doctor_clean_batch;
SELECT t.is(found(), NULL, 'a role that was dropped is nobody''s way in');
SELECT t.done();
