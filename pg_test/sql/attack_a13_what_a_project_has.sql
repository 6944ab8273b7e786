-- N1, A13: what a project that used a plain setting still has when it installs us: a superuser's definer function that calls
-- set_config, GRANT SET ON PARAMETER, a superuser's ALTER ROLE … SET and ALTER DATABASE … SET. None makes an identity, with
-- and without the library preloaded.
\set database `echo attack_a13_what_a_project_has`
\i `lib/tokens`
-- Before the extension knows of it, and before the library is loaded in any backend of this database.
CREATE FUNCTION set_user(id text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN set_config('app.current_user_id', id, true);
END $$;
CREATE FUNCTION set_anything(name text, value text, is_local boolean) RETURNS text LANGUAGE sql SECURITY DEFINER
AS 'SELECT set_config(name, value, is_local)';
CREATE FUNCTION run_anything(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN IF statement LIKE ''SET %'' THEN EXECUTE statement; END IF; END';
GRANT SET ON PARAMETER app.current_user_id, warden.identity, warden.seal TO app;
ALTER ROLE app IN DATABASE :database SET app.current_user_id = :'alice';
ALTER DATABASE :database SET app.current_tenant_id = :'alice';
ALTER DATABASE :database SET warden.identity = :'alice';
ALTER DATABASE :database SET warden.seal = 1;
\ir lib/cast.sql

\ir lib/as_attacker.sql
SELECT t.is(current_setting('app.current_user_id'), :'alice', 'ALTER ROLE … SET is in force before load');
SELECT t.is(current_setting('warden.seal'), '1', 'ALTER DATABASE … SET as well');
SELECT t.is(seen(), NULL, 'settings of role and database: nobody');
SELECT t.is(current_setting('app.current_user_id') || current_setting('warden.identity') || current_setting('app.current_tenant_id'), '',
    'they are gone once the library is loaded');
SELECT t.is(current_setting('warden.seal'), '0', 'the seal too');
RESET ALL;
SELECT t.is(seen(), NULL, 'nobody after RESET ALL');

-- The wrappers before the library is loaded, and after.
\connect - app
BEGIN;
SELECT t.is(set_user(:'alice'), :'alice', 'not loaded: the wrapper sets what it always set');
SELECT t.is(seen(), NULL, 'which is nobody');
COMMIT;
\connect - app
SELECT set_anything('warden.identity', :'alice', false), set_anything('warden.seal', '1', false);
SELECT t.is(seen(), NULL, 'not loaded: a wrapper for anything, for the session');
CREATE FUNCTION pg_temp.attempts() RETURNS SETOF text LANGUAGE sql AS $f$
    SELECT format(form, name, 'a11ce000-0000-4000-8000-000000000001')
    FROM (VALUES ('app.current_user_id'), ('app.current_scopes'), ('warden.identity')) AS s (name),
        (VALUES ('SELECT set_anything(%L, %L, true)'), ('SELECT set_anything(%L, %L, false)'),
            ('SELECT run_anything($$SET LOCAL %s = %L$$)'), ('SELECT run_anything($$SET %s TO %L$$)')) AS f (form)
    UNION ALL SELECT 'SELECT set_user(''a11ce000-0000-4000-8000-000000000001'')'
    UNION ALL SELECT 'SET app.current_user_id = ''a11ce000-0000-4000-8000-000000000001'''
    UNION ALL SELECT 'SET warden.identity = ''a11ce000-0000-4000-8000-000000000001'''
$f$;
-- 22023 is the library's own refusal of the value; 42501 comes before it where there is no privilege to set it at all.
SELECT t.refused(attempt, CASE WHEN attempt LIKE 'SET %' AND attempt LIKE '%scopes%' THEN '42501' ELSE '22023' END, attempt)
FROM pg_temp.attempts() AS attempt;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(attempt, '22023', 'as bob: ' || attempt) FROM pg_temp.attempts() AS attempt;
SELECT t.is(seen(), 'bob 1, bob 2', 'bob is bob');
COMMIT;

-- Preloaded.
\connect - postgres
ALTER DATABASE :database SET session_preload_libraries = 'pg_warden';
\connect - app
SELECT t.is(current_setting('app.current_user_id') || current_setting('warden.identity'), '', 'preloaded: settings of role and database never are in force');
SELECT t.is(seen(), NULL, 'preloaded: nobody');
SELECT t.refused(format('SELECT set_user(%L)', :'alice'), '22023', 'preloaded: the wrapper fails');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(seen(), 'bob 1, bob 2', 'preloaded: a token is what counts');
COMMIT;

-- Where the library is there, a superuser cannot make such a setting any more either.
\connect - postgres
SELECT t.ok(t.error(statement) ->> 'sqlstate' IN ('22023', '55P02'), statement)
FROM (VALUES ('ALTER ROLE app SET app.current_user_id = ''x'''), ('ALTER ROLE app SET warden.identity = ''x'''),
    ('SET app.current_user_id = ''x'''), ('SET warden.identity = ''x'''), ('SET warden.seal = 1'),
    ('SELECT set_config(''warden.identity'', ''x'', true)')) AS s (statement);
REVOKE SET ON PARAMETER app.current_user_id, warden.identity, warden.seal FROM app;
ALTER ROLE app IN DATABASE :database RESET ALL;
SELECT t.done();
