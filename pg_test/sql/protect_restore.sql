-- N7: what pg_dump writes can be restored, statement by statement in its order, also into a database that
-- watches; the settings are those every dump begins with. (The real pg_dump is run by a client test.)
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
GRANT CREATE ON SCHEMA public TO app;

-- What the dump of a protected table would say after its data.
\connect - owner
CREATE TABLE original (id int, user_id uuid);
SELECT count(*) FROM warden.protect('original');
\connect - postgres
CREATE TABLE public.dump (step int GENERATED ALWAYS AS IDENTITY, sql text);
GRANT SELECT ON public.dump TO owner;
INSERT INTO dump (sql) SELECT replace(pg_get_triggerdef(oid), 'original', 'restored') FROM pg_trigger WHERE tgrelid = 'original'::regclass;
INSERT INTO dump (sql) SELECT format('CREATE POLICY %I ON public.restored FOR %s TO %s%s%s', polname,
        CASE polcmd WHEN 'w' THEN 'UPDATE' WHEN '*' THEN 'ALL' END, CASE polcmd WHEN '*' THEN 'owner' ELSE 'PUBLIC' END,
        ' USING (' || replace(pg_get_expr(polqual, polrelid), 'original', 'restored') || ')',
        ' WITH CHECK (' || replace(pg_get_expr(polwithcheck, polrelid), 'original', 'restored') || ')')
    FROM pg_policy WHERE polrelid = 'original'::regclass AND polqual IS NOT NULL AND polwithcheck IS NOT NULL
    UNION ALL SELECT format('CREATE POLICY %I ON public.restored FOR %s USING (%s)', polname, CASE polcmd WHEN 'r' THEN 'SELECT' ELSE 'DELETE' END,
        pg_get_expr(polqual, polrelid)) FROM pg_policy WHERE polrelid = 'original'::regclass AND polwithcheck IS NULL
    UNION ALL SELECT format('CREATE POLICY %I ON public.restored FOR INSERT WITH CHECK (%s)', polname,
        replace(pg_get_expr(polwithcheck, polrelid), 'original', 'restored')) FROM pg_policy WHERE polrelid = 'original'::regclass AND polqual IS NULL;
INSERT INTO dump (sql) VALUES ('ALTER TABLE public.restored ENABLE ROW LEVEL SECURITY');
SELECT t.is(count(*), 9, 'a dump has three triggers, five policies, and row security') FROM dump;

-- Restored by a superuser.
SET row_security = off;
SET check_function_bodies = off;
CREATE TABLE restored (id int, user_id uuid DEFAULT warden.current_user_id() NOT NULL);
ALTER TABLE restored OWNER TO owner;
ALTER TABLE ONLY restored FORCE ROW LEVEL SECURITY;
INSERT INTO warden.protections SELECT 'restored'::regclass, 'restored'::regclass, owner_column, tenant_column, parent_column, public_column,
    manage_columns, create_index, changes, protected_at, protected_by FROM warden.protections WHERE relation = 'original'::regclass;
INSERT INTO restored VALUES (1, :alice);
SELECT t.refused('CREATE POLICY open ON restored USING (true)', '55000', 'a policy that is not ours is refused also while restoring');
SELECT t.refused('CREATE POLICY warden_other ON restored USING (true)', '55000', 'whatever its name');
SELECT t.succeeds(sql, left(sql, 60)) FROM dump ORDER BY step;
SELECT t.ok(intact, 'when the dump is through, the table is intact') FROM warden.protected_tables WHERE relation = 'restored'::regclass;
RESET row_security;
RESET check_function_bodies;
SELECT t.refused('ALTER TABLE restored DISABLE ROW LEVEL SECURITY', '55000', 'and guarded again');
SELECT t.rows($$ SELECT * FROM warden.protect('restored', create_index => false) $$, 0, 'nothing is left to do');

-- Into a database that watches: closed until the dump has brought its policies.
DROP TABLE restored;
SELECT warden.watch_schema('public', except_tables => '{original,dump}');
SET row_security = off;
SET check_function_bodies = off;
SELECT t.rows($$ INSERT INTO warden.watched_schemas VALUES ('public', 'owner', '{}', 'refuse', true, true, now(), 'dump') $$, 0, 'what is watched here stays as it is');
CREATE TABLE restored (id int, user_id uuid DEFAULT warden.current_user_id() NOT NULL);
CREATE TABLE unprotected (id int, user_id uuid);
ALTER TABLE restored OWNER TO owner;
ALTER TABLE unprotected OWNER TO owner;
GRANT SELECT ON restored, unprotected TO gateway, app;
INSERT INTO restored VALUES (1, :alice);
INSERT INTO unprotected VALUES (1, :alice);
INSERT INTO warden.protections SELECT 'restored'::regclass, 'restored'::regclass, owner_column, tenant_column, parent_column, public_column,
    manage_columns, create_index, changes, protected_at, protected_by FROM warden.protections WHERE relation = 'original'::regclass;
SET ROLE app;
SET row_security = on;
SELECT t.is(count(*), 0, 'in between nobody sees a row') FROM (TABLE restored UNION ALL TABLE unprotected) r;
RESET ROLE;
SET row_security = off;
ALTER TABLE ONLY restored FORCE ROW LEVEL SECURITY;
SELECT t.succeeds(sql, left(sql, 60)) FROM dump ORDER BY step;
RESET row_security;
RESET check_function_bodies;
SELECT t.ok(intact, 'restored as before') FROM warden.protected_tables WHERE relation = 'restored'::regclass;
SET ROLE app;
SELECT t.is(count(*), 0, 'what the dump did not protect stays closed') FROM unprotected;
RESET ROLE;
SELECT t.ok(count(*) > 0, 'until somebody protects it') FROM warden.protect('unprotected');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 2, 'alice has her rows again') FROM (TABLE restored UNION ALL TABLE unprotected) r;
COMMIT;
SELECT t.done();
