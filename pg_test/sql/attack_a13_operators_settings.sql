-- N1, A13: what a project has may set anything with a superuser's rights, for whoever calls it: a definer function around
-- set_config, a function with a SET clause. Neither reaches the switches of the operator, which a superuser sets by hand, for
-- a role, for a database, or gives to a role by name.
\set database `echo attack_a13_operators_settings`
CREATE FUNCTION set_anything(name text, value text, is_local boolean) RETURNS text LANGUAGE sql SECURITY DEFINER
AS 'SELECT set_config(name, value, is_local)';
\ir lib/cast.sql
\ir lib/parallel.sql
CREATE FUNCTION generous() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET warden.allow_identity_switch = on
AS $$ BEGIN RETURN current_setting('warden.allow_identity_switch'); END $$;
-- Alice first, then bob: what is seen in the end.
CREATE FUNCTION become_two() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token_of('alice'));
    PERFORM warden.authenticate(token_of('bob'));
    RETURN seen();
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN 'refused';
END $$;
\ir lib/as_attacker.sql

-- Before the library is loaded, where they are any names.
SELECT t.is(set_anything('warden.allow_identity_switch', 'on', false), 'on', 'not loaded: the wrapper sets it');
SELECT t.is(set_anything('warden.max_identity_age', '86400', false), '86400', 'the age as well');
BEGIN;
SELECT t.is(become_two(), 'refused', 'which is nothing');
COMMIT;
SELECT t.is(current_setting('warden.allow_identity_switch'), 'off', 'the switch is off');
SELECT t.is(current_setting('warden.max_identity_age'), '15min', 'the age is what it was');

-- With the library there.
SELECT t.refused(attempt, '22023', attempt)
FROM (VALUES
    ('SELECT set_anything(''warden.allow_identity_switch'', ''on'', true)'),
    ('SELECT set_anything(''warden.allow_identity_switch'', ''on'', false)'),
    ('SELECT set_anything(''warden.max_identity_age'', ''86400'', false)'),
    ('SELECT generous()')) AS a (attempt);
SELECT t.matches(t.error('SELECT generous()')->>'hint', 'session of its own', 'with the remedy');
SELECT t.refused('SET warden.allow_identity_switch = on', '42501', 'by itself it has no privilege');
BEGIN;
SELECT t.is(become_two(), 'refused', 'one transaction, one user');
COMMIT;
SELECT t.succeeds('SELECT set_anything(''warden.missing_identity'', ''none'', true)', 'what anybody may set, a wrapper sets too');

\connect - postgres
ALTER DATABASE :database SET session_preload_libraries = pg_warden;
\connect - app
SELECT t.refused('SELECT set_anything(''warden.allow_identity_switch'', ''on'', false)', '22023', 'preloaded: the wrapper');
SELECT t.refused('SELECT generous()', '22023', 'preloaded: the SET clause');

-- The operator's own ways: in a session of its own, which becomes the application; for a role, or a database.
\connect - postgres
SELECT t.succeeds('SET warden.max_identity_age = ''1 min''', 'a superuser sets the age');
BEGIN;
SET LOCAL warden.allow_identity_switch = on;
SET LOCAL ROLE app;
SELECT t.is(become_two(), 'bob 1, bob 2', 'a superuser sets the switch, and becomes the application');
ROLLBACK;
\connect -reuse-previous=on "options='-c warden.allow_identity_switch=on'"
SELECT t.is(current_setting('warden.allow_identity_switch'), 'on', 'or in the options of its connection');
ALTER ROLE app IN DATABASE :database SET warden.allow_identity_switch = on;
ALTER DATABASE :database SET warden.max_identity_age = '1 min';
\connect -reuse-previous=on "user=app options=''"
SELECT t.is(current_setting('warden.max_identity_age'), '1min', 'or for a database');
BEGIN;
SELECT t.is(become_two(), 'bob 1, bob 2', 'or for a role');
SELECT t.is(rows_by_workers('SELECT * FROM many WHERE current_setting(''warden.allow_identity_switch'')::boolean'), 10000,
    'also beside parallel workers');
COMMIT;

-- And by name.
\connect - postgres
ALTER ROLE app IN DATABASE :database RESET ALL;
ALTER DATABASE :database RESET ALL;
GRANT SET ON PARAMETER warden.allow_identity_switch, warden.max_identity_age TO app;
\connect - app
SET warden.allow_identity_switch = on;
BEGIN;
SELECT t.is(become_two(), 'bob 1, bob 2', 'by a privilege, before the library is loaded');
COMMIT;
SELECT t.succeeds('SET warden.max_identity_age = 120', 'and after');
\connect - postgres
REVOKE SET ON PARAMETER warden.allow_identity_switch, warden.max_identity_age FROM app;
SELECT t.done();
