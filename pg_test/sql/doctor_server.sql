-- N2, A13, D10: doctor() finds settings of the server, the database and roles that undo protection or state an identity,
-- and guards that are switched off; its remedy mends it.
\ir lib/doctor.sql

-- The minor version below which row-level security has known holes: the number is the argument, since no test can
-- be given another server.
SELECT t.is(warden.patched_version(number), expected, number || coalesce(' is older than ' || expected, ' is patched'))
FROM (VALUES (150000, '15.20'), (150019, '15.20'), (150020, NULL), (150021, NULL), (160015, '16.16'), (160016, NULL),
    (170011, '17.12'), (170012, NULL), (180006, '18.7'), (180007, NULL), (190000, NULL)) AS v (number, expected);
SELECT t.is(count(*), (warden.patched_version(current_setting('server_version_num')::int) IS NOT NULL)::int,
    'doctor() asks it of this server') FROM warden.doctor() WHERE code = 'server_outdated';

-- Guards.
ALTER EVENT TRIGGER warden_after_ddl DISABLE;
SELECT t.is(found(), 'event_trigger_disabled warden_after_ddl', 'an event trigger of ours is disabled');
\ir lib/mend.sql
ALTER EVENT TRIGGER warden_after_ddl ENABLE REPLICA;
SELECT t.is(found(), 'event_trigger_disabled warden_after_ddl', 'or fires for replicas only');
\ir lib/mend.sql
ALTER ROLE owner IN DATABASE :"database" SET session_replication_role = replica;
SELECT t.is(found(), 'triggers_switched_off role owner in database ' || current_database(), 'triggers are off for a role');
\ir lib/mend.sql
ALTER DATABASE :"database" SET session_replication_role = local;
SELECT t.is(found(), 'triggers_switched_off database ' || current_database(), 'for the database');
\ir lib/mend.sql
SELECT current_setting('server_version_num')::int >= 170000 AS has_event_triggers \gset
\if :has_event_triggers
    ALTER DATABASE :"database" SET event_triggers = off;
    SELECT t.is(found(), 'triggers_switched_off database ' || current_database(), 'event triggers are off for the database');
    \ir lib/mend.sql
\endif
ALTER ROLE app IN DATABASE :"database" SET warden.allow_identity_switch = on;
SELECT t.is(found(), 'identity_switch_allowed role app in database ' || current_database(), 'one transaction may act for several users');
\ir lib/mend.sql
ALTER ROLE app IN DATABASE :"database" SET warden.allow_identity_switch = off;
SELECT t.is(found(), NULL, 'said to be off: no finding');
ALTER ROLE app IN DATABASE :"database" RESET ALL;

-- A13: settings that state an identity, from before the library was loaded in any backend.
ALTER DATABASE :"database" RESET session_preload_libraries;
\connect
ALTER ROLE app IN DATABASE :"database" SET app.current_user_id = 'a11ce000-0000-4000-8000-000000000001';
ALTER DATABASE :"database" SET warden.identity = 'x';
ALTER DATABASE :"database" SET session_preload_libraries = 'pg_warden';
\connect
SELECT t.is(found(), format('identity_setting_stored app.current_user_id for role app in database %1$s, identity_setting_stored warden.identity for database %1$s',
    current_database()), 'A13: a superuser''s ALTER ROLE … SET, and one of the database');
\ir lib/mend.sql
GRANT SET ON PARAMETER app.current_user_id TO app;
SELECT t.is(found(), 'parameter_granted app.current_user_id', 'A13: GRANT SET ON PARAMETER');
\ir lib/mend.sql
GRANT SET, ALTER SYSTEM ON PARAMETER session_replication_role TO PUBLIC;
SELECT t.is(found(), 'parameter_granted session_replication_role', 'a setting that switches triggers off, to everybody');
\ir lib/mend.sql

-- Preloading, which is a matter of the login and the database.
ALTER DATABASE :"database" RESET session_preload_libraries;
SELECT t.is(found(), 'library_not_preloaded DATABASE ' || current_database(), 'not preloaded');
\ir lib/mend.sql
ALTER ROLE app IN DATABASE :"database" SET session_preload_libraries = auto_explain;
SELECT t.is(found(), 'library_not_preloaded ROLE app IN DATABASE ' || current_database(), 'the login of a client has its own list');
\ir lib/mend.sql
SELECT t.is(setconfig::text, '{"session_preload_libraries=auto_explain, pg_warden"}', 'which is kept, with the library behind')
FROM pg_db_role_setting WHERE setrole = 'app'::regrole AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database());
\connect - app
SELECT t.refused('SET app.current_user_id = ''x''', '42501', 'so that nobody sets what is ours');
\connect - postgres
ALTER ROLE app IN DATABASE :"database" SET session_preload_libraries = '$libdir/pg_warden.so';
SELECT t.is(found(), NULL, 'by its path');
ALTER ROLE app IN DATABASE :"database" SET session_preload_libraries = 'pg_warden_of_mine';
SELECT t.is(found(), 'library_not_preloaded ROLE app IN DATABASE ' || current_database(), 'a library of another name');
ALTER ROLE app IN DATABASE :"database" RESET ALL;
ALTER ROLE postgres IN DATABASE :"database" SET session_preload_libraries = auto_explain;
\connect
SELECT t.is(found(), NULL, 'what the session has that asks is of no matter');
ALTER ROLE postgres IN DATABASE :"database" RESET ALL;
\connect

-- Citus is not at hand; its entry in the catalogue is all that doctor() asks for.
CREATE TABLE sharded (id int, owner_id uuid, is_deleted boolean);
GRANT SELECT, INSERT, UPDATE ON sharded TO gateway;
ALTER TABLE sharded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON sharded USING (owner_id = warden.current_user_id());
CREATE POLICY living ON sharded AS RESTRICTIVE USING (NOT is_deleted);
CREATE POLICY counted ON sharded AS RESTRICTIVE FOR INSERT WITH CHECK (id > 0);
INSERT INTO sharded VALUES (1, :alice, false), (2, :alice, true), (3, :bob, false);
SELECT t.is(found(), NULL, 'restrictive policies, without Citus: no finding');
SET allow_system_table_mods = on;
INSERT INTO pg_extension SELECT 99999, 'citus', extowner, extnamespace, false, '13.0', NULL, NULL FROM pg_extension WHERE extname = 'plpgsql';
SELECT t.is(found(), 'restrictive_policy_on_citus public.sharded', 'with it');
\ir lib/mend.sql
DELETE FROM pg_extension WHERE oid = 99999;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(string_agg(id::text, ' '), '1', 'the same rows are seen') FROM public.sharded;
SELECT t.rows('INSERT INTO public.sharded VALUES (4, warden.current_user_id(), false)', 1, 'the same may be written');
SELECT t.refused('INSERT INTO public.sharded VALUES (0, warden.current_user_id(), false)', '42501', 'and no other');
COMMIT;
\connect - postgres
SELECT t.is(string_agg(polname, ' '), 'mine', 'by one permissive policy') FROM pg_policy WHERE polrelid = 'sharded'::regclass;
SELECT t.done();
