-- N1, A2: ALTER ROLE … SET for oneself, ALTER DATABASE … SET by the database's owner, and the function's SET clause, by
-- ordinary roles, before and after the library is loaded.
\ir lib/cast.sql
CREATE ROLE attack_a02_dba LOGIN;
ALTER DATABASE attack_a02_role_settings OWNER TO attack_a02_dba;
GRANT USAGE, CREATE ON SCHEMA public TO app;

CREATE TABLE statements (statement text);
GRANT SELECT ON statements TO PUBLIC;
INSERT INTO statements
SELECT format(form, name, value)
FROM (VALUES ('app.current_user_id', :'alice'), ('warden.identity', 'x'), ('warden.seal', '1'),
    ('warden.allow_identity_switch', 'on')) AS settings (name, value)
CROSS JOIN (VALUES
    ('ALTER ROLE app SET %s = %L'),
    ('ALTER ROLE app IN DATABASE attack_a02_role_settings SET %s = %L')) AS forms (form);

\ir lib/as_attacker.sql
SELECT t.refused(statement, '42501', 'not loaded: ' || statement) FROM statements;
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.ok(t.error(statement)->>'sqlstate' IN ('42501', '55P02'), 'loaded: ' || statement) FROM statements;
\set ON_ERROR_STOP off
ALTER SYSTEM SET app.current_user_id = 'x';
\set state :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'state', '42501', 'ALTER SYSTEM');

-- The owner of the database is not the attacker of the model, and gets nowhere either.
\connect - attack_a02_dba
SELECT t.refused(format('ALTER DATABASE attack_a02_role_settings SET app.current_user_id = %L', :'alice'), '42501',
    'ALTER DATABASE by its owner');

\connect - app
SELECT t.is(seen(), NULL, 'nothing of it is in force in a new connection');
SELECT t.is(current_setting('app.current_user_id'), '', 'and the mirror is empty');

-- A function with a SET clause, which would set for a moment what cannot be set.
\connect - app
SELECT t.refused(statement, '42501', 'not loaded: ' || statement)
FROM (VALUES ($$CREATE FUNCTION f() RETURNS int LANGUAGE sql SET app.current_user_id = 'x' AS 'SELECT 1'$$),
    ($$CREATE FUNCTION f() RETURNS int LANGUAGE sql SET warden.identity = 'x' AS 'SELECT 1'$$)) AS s (statement);
SET app.current_user_id = :'alice';
SELECT t.refused($$CREATE FUNCTION f() RETURNS int LANGUAGE sql SET app.current_user_id FROM CURRENT AS 'SELECT 1'$$,
    '42501', 'not loaded: a planted value kept in a function by FROM CURRENT');

-- And with the library there.
SELECT t.ok(warden.version() IS NOT NULL, 'the library is loaded');
SELECT t.refused($$CREATE FUNCTION late() RETURNS int LANGUAGE sql SET app.current_user_id = 'x' AS 'SELECT 1'$$, '42501',
    'a SET clause of a mirror');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused($$CREATE FUNCTION keep() RETURNS int LANGUAGE sql SET warden.identity FROM CURRENT AS 'SELECT 1'$$, '42501',
    'an identity kept in a function by FROM CURRENT');
SELECT t.refused($$CREATE FUNCTION keep() RETURNS int LANGUAGE sql SET app.current_user_id FROM CURRENT AS 'SELECT 1'$$,
    '42501', 'a mirror likewise');
CREATE FUNCTION harmless() RETURNS text LANGUAGE plpgsql SET work_mem = '1MB' AS $$ BEGIN RETURN seen(); END $$;
SELECT t.is(harmless(), 'bob 1, bob 2', 'a function with another SET clause acts for bob');
SELECT t.is(seen(), 'bob 1, bob 2', 'who is bob after it');
COMMIT;

\connect - postgres
ALTER DATABASE attack_a02_role_settings OWNER TO postgres;
DROP ROLE attack_a02_dba;
SELECT t.done();
