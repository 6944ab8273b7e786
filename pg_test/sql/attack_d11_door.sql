-- D11: the door is for owners and admins. A client neither opens it nor pays for it: through a view or a function of the
-- owner it sees its own rows, by the plan of its own policy.
\ir lib/cast.sql
DROP POLICY own ON documents;
DELETE FROM documents WHERE user_id IS NULL;
-- Enough rows for an index to be worth it.
INSERT INTO documents SELECT i, gen_random_uuid(), 'other' FROM generate_series(100, 20000) AS i;
SET ROLE owner;
SELECT warden.protect('documents');
CREATE VIEW plain AS SELECT * FROM documents;
CREATE FUNCTION opens_for_me() RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT warden.begin_admin(''borrowed'')';
CREATE FUNCTION titles() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT title FROM public.documents';
CREATE FUNCTION plan_of_owner(query text) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'BEGIN RETURN QUERY EXECUTE ''EXPLAIN (COSTS OFF) '' || query; END';
GRANT SELECT ON plain TO app;
RESET ROLE;
ANALYZE documents;

\ir lib/as_attacker.sql
SELECT t.refused('SELECT warden.begin_admin(''I am the admin'')', '42501', 'a client does not open it');
SELECT t.refused('SELECT opens_for_me()', '42501', 'nor through a function of the owner');
SELECT t.refused(format('SELECT %s', attempt), '42501', attempt || ' does not open it')
FROM (VALUES ('set_config(''warden.admin_role'', ''10'', true)')) AS a (attempt);
SELECT t.refused('SET warden.admin_role = 10', '42501', 'nor does SET');
SELECT t.refused('SET LOCAL warden.admin_role = 10', '42501', 'nor SET LOCAL');
SELECT t.refused('UPDATE pg_settings SET setting = ''10'' WHERE name = ''warden.admin_role''', '42501', 'nor UPDATE pg_settings');
SELECT t.refused('ALTER ROLE app SET warden.admin_role = 10', '42501', 'nor ALTER ROLE');
SELECT t.ok(NOT warden.admin_open() AND NOT warden.admin_is_open(), 'what the policy asks is false, and no error');

BEGIN;
SELECT warden.authenticate(token_of('bob'));
SELECT t.refused('SELECT warden.begin_admin(''signed in'')', '42501', 'a signed-in client does not either');
SELECT t.is(seen(), 'bob 1, bob 2', 'the table');
SELECT t.is((SELECT string_agg(title, ', ' ORDER BY id) FROM plain), 'bob 1, bob 2', 'a view of the owner');
SELECT t.is((SELECT string_agg(titles, ', ' ORDER BY titles) FROM titles()), 'bob 1, bob 2', 'a function of the owner');
SELECT t.rows('UPDATE documents SET title = title', 2, 'a write');
-- The plans: no trace of the door, and the index.
SELECT t.is(t.plan('SELECT title FROM documents'), t.plan('SELECT title FROM plain'), 'the plan through the view is that of the table');
SELECT t.matches(t.plan('SELECT title FROM documents'), 'Index Cond: \(user_id = warden.current_user_id\(\)\)', 'by the index');
SELECT t.is(string_agg(line, E'\n') || E'\n', t.plan('SELECT title FROM documents'), 'and that of a function of the owner, too')
FROM plan_of_owner('SELECT title FROM public.documents') AS line;
SELECT t.ok(t.plan('SELECT title FROM plain') NOT LIKE '%admin%', 'without the door in it');
COMMIT;
SELECT t.rows('SELECT * FROM plain', 0, 'nobody sees nothing through the view');
SELECT t.rows('SELECT * FROM titles()', 0, 'nor through the function');

-- Planted before the library is loaded.
\connect - app
SET warden.admin_role = 10;
SELECT t.ok(NOT warden.admin_is_open(), 'a value planted before the library is loaded is dropped');
SELECT t.rows('SELECT * FROM plain', 0, 'and shows nothing');

-- A superuser who has opened the door and then acts as the client is the client.
\connect - postgres
BEGIN;
SELECT warden.begin_admin('then as the client');
SET ROLE app;
SELECT t.rows('SELECT * FROM documents', 0, 'SET ROLE app within the door: the table');
SELECT t.rows('SELECT * FROM plain', 0, 'and the view');
SELECT t.ok(NOT warden.admin_is_open(), 'the door is not the client''s');
COMMIT;
RESET ROLE;

-- What a project has: a set_config wrapper of a superuser, a granted parameter.
CREATE FUNCTION set_anything(name text, value text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT set_config(name, value, true)';
GRANT SET ON PARAMETER warden.admin_role TO app;
\connect - app
SELECT warden.version();
SELECT t.refused('SELECT set_anything(''warden.admin_role'', ''10'')', '22023', 'a superuser''s wrapper does not open it');
SELECT t.refused('SET warden.admin_role = 10', '22023', 'a granted parameter does not');
\connect - postgres
REVOKE SET ON PARAMETER warden.admin_role FROM app;
SELECT t.done();
