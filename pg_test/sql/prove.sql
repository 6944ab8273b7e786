-- N3, A14: prove() acts as two users, a third and nobody, finds what a broken policy lets through, and takes everything back.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
-- What did not pass; NULL where everything did.
CREATE FUNCTION failed(of regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(p."check", ' ') FROM warden.prove(of) AS p WHERE p.passed IS NOT TRUE
$$;
CREATE FUNCTION told(of regclass, name text) RETURNS text LANGUAGE sql AS $$
    SELECT p.detail FROM warden.prove(of) AS p WHERE p."check" = name
$$;
-- The guards are circumvented the way a superuser does.
CREATE FUNCTION unwatched(statement text) RETURNS boolean LANGUAGE plpgsql SET session_replication_role = replica AS $$
BEGIN
    EXECUTE statement;
    RETURN true;
END $$;
CREATE FUNCTION broken(relation regclass, policy text, expressions text) RETURNS boolean LANGUAGE sql AS $$
    SELECT unwatched(format('ALTER POLICY %I ON %s %s', policy, relation, expressions))
$$;

SET ROLE owner;
CREATE TABLE documents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, title text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO app, gateway;
RESET ROLE;
SELECT count(*) FROM warden.protect('documents');
SELECT t.is(string_agg("check", ' '), 'role intact rows own_rows read fetch update steal give_away delete insert nobody_reads nobody_updates nobody_deletes nobody_inserts',
    'what is tried') FROM warden.prove('documents');
SELECT t.is(failed('documents'), NULL, 'a protected table: everything passes');
SELECT t.is(told('documents', 'own_rows'), 'app: 1 row; gateway: 1 row', 'A14: one document each, and each lists exactly one');
SELECT t.is(told('documents', 'fetch'), 'app: 0 rows; gateway: 0 rows', 'A14: the other''s document is not found');
SELECT t.is(told('documents', 'insert'), 'app: refused; gateway: refused', 'in another''s name nothing is inserted');
SELECT t.is(told('documents', 'role'), 'app; gateway', 'every client that has a privilege is acted as');

-- Nothing is left behind, and nobody is signed in by it.
INSERT INTO documents (user_id, title) VALUES (:alice, 'a'), (:bob, 'b'), (:bob, 'c');
CREATE TABLE before AS SELECT * FROM documents;
SELECT count(*) AS records FROM warden.audit_log \gset
BEGIN;
SELECT t.is(failed('documents'), NULL, 'with rows of others');
SELECT t.is(current_setting('session_replication_role') || current_user || coalesce(warden.identity()::text, ''), 'originpostgres', 'settings, role and identity are as they were');
SELECT t.is(string_agg(DISTINCT mode, ', '), NULL, 'nothing stays locked until the end of the transaction')
FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'documents'::regclass;
COMMIT;
SELECT t.is((SELECT count(*) FROM (TABLE documents EXCEPT ALL TABLE before) x), 0, 'no row is there that was not');
SELECT t.is((SELECT count(*) FROM (TABLE before EXCEPT ALL TABLE documents) x), 0, 'none is gone or changed');
SELECT t.is(count(*), :records, 'no record is written') FROM warden.audit_log;

-- The identity of the transaction, or that it has none any more, is as before.
BEGIN;
SET LOCAL ROLE gateway;
SELECT warden.set_current_user(:alice);
RESET ROLE;
SELECT t.is(failed('documents'), NULL, 'while somebody is signed in');
SET LOCAL ROLE gateway;
SELECT t.is(warden.current_user_id()::text || (SELECT count(*) FROM documents), :alice || '1', 'who stays signed in');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :bob), '55000', 'and alone');
ROLLBACK;
BEGIN;
SET LOCAL ROLE gateway;
SELECT t.refused('SELECT warden.set_current_user(gen_random_uuid())', '28000', 'after a failed attempt');
RESET ROLE;
SELECT t.is(failed('documents'), NULL, 'it works');
SET LOCAL ROLE gateway;
SELECT t.is(count(*), 0, 'and leaves nobody') FROM documents;
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :bob), '55000', 'for good');
ROLLBACK;

-- A broken policy, each in its way.
\set original 'SELECT count(*) FROM warden.protect(''documents'', replace_policies => true)'
SELECT broken('documents', 'warden_select', 'USING (true)');
SELECT t.is(failed('documents'), 'intact own_rows read fetch nobody_reads', 'SELECT is open');
SELECT t.matches(told('documents', 'read'), '^app: a row is reached: SELECT FROM public.documents; gateway: ', 'it says by which statement');
:original;
SELECT broken('documents', 'warden_update', 'USING (true)');
SELECT t.is(failed('documents'), 'intact steal', 'UPDATE is open: a row can be taken');
:original;
SELECT broken('documents', 'warden_update', 'USING (true) WITH CHECK (true)');
SELECT t.is(failed('documents'), 'intact update steal give_away nobody_updates', 'and changed, and given away');
:original;
SELECT broken('documents', 'warden_update', 'WITH CHECK (true)');
SELECT t.is(failed('documents'), 'intact give_away', 'a row can be given away');
:original;
SELECT broken('documents', 'warden_delete', 'USING (true)');
SELECT t.is(failed('documents'), 'intact delete nobody_deletes', 'DELETE is open, which no SELECT policy is asked about');
:original;
SELECT broken('documents', 'warden_insert', 'WITH CHECK (true)');
SELECT t.is(failed('documents'), 'intact insert nobody_inserts', 'INSERT is open');
:original;
SELECT broken('documents', 'warden_select', 'USING (user_id = warden.current_user_id() OR warden.current_user_id() IS NULL)');
SELECT t.is(failed('documents'), 'intact nobody_reads', 'nobody sees everything');
:original;
SELECT unwatched('CREATE POLICY all_of_it ON documents TO gateway USING (true)');
SELECT t.is(failed('documents'), 'intact own_rows read fetch update steal give_away delete insert nobody_reads nobody_updates nobody_deletes nobody_inserts', 'an extra policy');
SELECT t.matches(told('documents', 'delete'), '^gateway: a row is reached: .*; app: 0 rows$', 'of one role only: which one is said');
:original;
SELECT broken('documents', 'warden_select', 'USING (false)');
SELECT t.is(failed('documents'), 'intact own_rows', 'a lock that does not open');
:original;
SELECT unwatched('ALTER TABLE documents DISABLE ROW LEVEL SECURITY');
SELECT t.matches(failed('documents'), '^intact own_rows read .* nobody_inserts$', 'no row security');
:original;
SELECT unwatched('ALTER TABLE documents DISABLE TRIGGER _warden_keep');
SELECT t.is(failed('documents'), 'intact', 'a trigger is missing');
:original;
SELECT t.is(failed('documents'), NULL, 'all is as before');

-- Columns of other types; what is declared; tenants.
SET ROLE owner;
CREATE TABLE numbered (id serial PRIMARY KEY, user_id int, code char(3) UNIQUE NOT NULL, price numeric(8, 2) NOT NULL CHECK (price >= 0), at timestamptz NOT NULL, tags text[] NOT NULL);
CREATE TABLE small (id uuid PRIMARY KEY, user_id smallint NOT NULL, "odd ""name" jsonb NOT NULL);
CREATE TABLE named (id uuid PRIMARY KEY, user_id varchar(6) NOT NULL);
CREATE TABLE posts (id uuid PRIMARY KEY, user_id uuid, is_public boolean NOT NULL, kind text);
CREATE TABLE tenanted (id uuid PRIMARY KEY, user_id text, tenant_id uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON numbered, small, named, posts, tenanted TO app;
INSERT INTO small SELECT gen_random_uuid(), i, '{}' FROM generate_series(1, 1000) i;
INSERT INTO posts VALUES (gen_random_uuid(), :bob, true, 'x'), (gen_random_uuid(), :bob, false, 'y'), (gen_random_uuid(), :bob, false, 'shared');
RESET ROLE;
SELECT count(*) FROM unnest('{numbered,small,named}'::regclass[]) name, warden.protect(name);
SELECT count(*) FROM warden.protect('posts', public_column => 'is_public');
SELECT count(*) FROM warden.protect('tenanted', tenant_column => 'tenant_id');
SELECT t.is(failed(name), NULL, 'passes: ' || name) FROM unnest('{numbered,small,named,posts,tenanted}'::regclass[]) name;
SELECT t.is(told('tenanted', 'other_tenant'), 'app: 0 rows', 'the same user in another tenant');
SELECT broken('tenanted', 'warden_select', 'USING (user_id = warden.current_external_id())');
SELECT t.is(failed('tenanted'), 'intact other_tenant', 'a policy that forgets the tenant');
SELECT broken('posts', 'warden_select', 'USING (user_id = warden.current_user_id() OR is_public OR kind = ''y'')');
SELECT t.is(failed('posts'), 'intact read nobody_reads', 'more is open than is declared');
SELECT count(*) FROM warden.protect('posts', public_column => 'is_public', replace_policies => true);
SELECT warden.allow('posts', 'SELECT', 'kind = ''y''', 'news');
SELECT warden.allow('posts', 'UPDATE', 'kind = ''shared''', 'a wiki');
SELECT warden.allow('posts', 'INSERT', 'kind = ''inbox''', 'letters');
SELECT t.is(failed('posts'), NULL, 'what is declared counts as passed');
SELECT t.is(told('posts', 'insert'), 'app: declared by allow()', 'and is said to be');
SELECT broken('posts', 'warden_update', 'USING (true)');
SELECT t.is(failed('posts'), 'intact steal', 'beside it everything is tried');

-- Rows that belong to a parent, foreign keys, partitions and children.
SET ROLE owner;
CREATE TABLE people (id uuid PRIMARY KEY, email text NOT NULL UNIQUE CHECK (email LIKE '%@%'));
CREATE TABLE folders (id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES people ON DELETE CASCADE, name text NOT NULL, UNIQUE (user_id, id));
CREATE TABLE files (id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES people, folder_id bigint NOT NULL, FOREIGN KEY (user_id, folder_id) REFERENCES folders (user_id, id));
CREATE TABLE pages (id bigserial PRIMARY KEY, folder_id bigint NOT NULL REFERENCES folders, body text NOT NULL);
CREATE TABLE lines (id bigserial PRIMARY KEY, page_id bigint REFERENCES pages, body text NOT NULL);
CREATE TABLE parted (id uuid, user_id uuid, year int, PRIMARY KEY (user_id, id, year)) PARTITION BY LIST (year);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (2026);
CREATE TABLE vehicles (id uuid PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE cars (wheels int) INHERITS (vehicles);
GRANT SELECT, INSERT, UPDATE, DELETE ON people, folders, files, pages, lines, parted, vehicles, cars TO app;
INSERT INTO people VALUES (:bob, 'bob@example.com');
INSERT INTO cars VALUES (gen_random_uuid(), :bob, 4);
RESET ROLE;
SELECT count(*) FROM unnest('{folders,files,parted,vehicles}'::regclass[]) name, warden.protect(name);
SELECT count(*) FROM warden.protect('people', owner_column => 'id');
SELECT count(*) FROM warden.protect('pages', owner_column => NULL, parent_column => 'folder_id');
SELECT count(*) FROM warden.protect('lines', owner_column => NULL, parent_column => 'page_id');
SELECT t.is(failed(name), NULL, 'passes: ' || name) FROM unnest('{folders,files,pages,lines,vehicles}'::regclass[]) name;
SELECT t.is(told('vehicles', 'read'), 'app: 0 rows; app on public.cars: 0 rows', 'a child that was granted directly is read directly');
SELECT broken('cars', 'warden_select', 'USING (true)');
SELECT t.is(failed('vehicles'), 'intact read nobody_reads', 'and found to be open');
SELECT broken('lines', 'warden_select', 'USING (true)');
SELECT t.is(failed('lines'), 'intact own_rows read fetch nobody_reads', 'a child of a child');
SELECT broken('pages', 'warden_insert', 'WITH CHECK (true)');
SELECT t.is(failed('pages'), 'intact insert nobody_inserts', 'writing below another''s parent');
-- What no row can be made of without one to go by says so, and tries the rest.
SELECT t.is(failed('parted') || ': ' || told('parted', 'rows'), 'rows insert nobody_inserts: no rows could be made to try with: no partition of relation "parted" found for row', 'no partition for what was made up');
SELECT t.is(failed('people'), NULL, 'a CHECK that only a row like another passes');
INSERT INTO parted VALUES (gen_random_uuid(), :bob, 2026);
SELECT t.is(failed('parted'), NULL, 'with a row to go by');

-- Code of the project's own finds the names of its schema.
CREATE SCHEMA "its own" AUTHORIZATION owner;
GRANT USAGE ON SCHEMA "its own" TO app;
SET ROLE owner;
SET search_path = "its own";
CREATE TABLE kinds (kind text);
INSERT INTO kinds VALUES ('note');
GRANT SELECT ON kinds TO app;
CREATE FUNCTION is_kind(of text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM kinds k WHERE k.kind = of); END';
CREATE FUNCTION first_kind() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT k.kind FROM kinds k); END';
CREATE TABLE things (id uuid PRIMARY KEY, user_id uuid NOT NULL, kind text NOT NULL DEFAULT first_kind() CHECK (is_kind(kind)));
GRANT SELECT, INSERT, UPDATE, DELETE ON things TO app;
RESET search_path;
RESET ROLE;
SELECT count(*) FROM warden.protect('"its own".things');
SELECT t.is(failed('"its own".things'), NULL, 'passes: a table with a check and a default by name');

-- A superuser's table: the row is the client's own to make.
CREATE TABLE supers (id serial PRIMARY KEY, user_id uuid, folder_id bigint NOT NULL REFERENCES folders);
SELECT count(*) FROM warden.protect('supers');
SELECT t.is(failed('supers') || ': ' || told('supers', 'role'), 'role: no client role that row-level security binds has a privilege on the table: nothing was tried', 'granted to nobody');
GRANT SELECT, UPDATE, DELETE ON supers TO app;
SELECT t.is(failed('supers') || ': ' || told('supers', 'rows'), 'rows: no rows could be made to try with: a superuser owns public.supers, and no client may insert into it', 'nobody but a superuser may make a row');
GRANT INSERT ON supers TO app;
GRANT USAGE ON SEQUENCE supers_id_seq TO app;
SELECT t.is(failed('supers'), NULL, 'passes: supers');
GRANT SELECT (id), INSERT (user_id) ON supers TO gateway;
SELECT t.is(failed('supers'), NULL, 'privileges on single columns');
ALTER ROLE app BYPASSRLS;
SELECT t.is(failed('supers') || ': ' || told('supers', 'role'), 'role rows: app: row-level security does not bind it; gateway', 'a role that row security does not bind');
ALTER ROLE app NOBYPASSRLS;

-- Who may, and of what.
CREATE TABLE open (id int, user_id uuid);
SELECT t.refused('SELECT * FROM warden.prove(''open'')', '55000', 'a table that is not protected');
SELECT t.refused('SELECT * FROM warden.prove(''cars'')', '55000', 'a part of one that is');
SELECT t.refused('SELECT * FROM warden.prove(NULL)', '22023', 'none');
BEGIN READ ONLY;
SELECT t.refused('SELECT * FROM warden.prove(''documents'')', '25006', 'a read-only transaction');
ROLLBACK;
SET row_security = off; SET search_path = pg_temp; SET quote_all_identifiers = on; SET standard_conforming_strings = off; SET warden.missing_identity = error;
SELECT t.is(public.failed('public.documents'), NULL, 'under settings that would change what is seen');
RESET ALL;
SELECT t.is(failed('documents'), NULL, 'once more');
\connect - boss
SELECT t.is(count(*) FILTER (WHERE NOT passed), 0, 'an admin role may') FROM warden.prove('public.documents');
\connect - app
SELECT t.refused('SELECT * FROM warden.prove(''documents'')', '42501', 'a client may not');
\connect - owner
SELECT t.refused('SELECT * FROM warden.prove(''documents'')', '42501', 'nor the owner: its code would run as clients');
SELECT t.refused('SELECT warden.rehearse(''app''::regrole, false, ''public'', NULL, NULL, NULL, ''SELECT 1'', 1)', '42501', 'nor by its parts');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.refused('SELECT * FROM warden.prove(''documents'')', '42501', 'nor a trusted role');
SELECT t.rows('SELECT FROM public.documents', 1, 'which is who it was');
COMMIT;
\connect - postgres
SELECT t.refused(format('SELECT warden.rehearse(''app''::regrole, false, ''public'', %L, NULL, NULL, ''SELECT 1'', 1)', :alice), '55000', 'nobody is acted as who exists');
SELECT t.refused('SELECT warden.rehearse(''app''::regrole, false, ''public'', gen_random_uuid(), ''7'', NULL, ''SELECT 1'', 1)', '55000', 'nor by an external id');
SELECT t.refused('SELECT warden.rehearse(''postgres''::regrole, true, ''public'', NULL, NULL, NULL, ''SELECT 1'', 1)', '55000', 'nor a superuser');
SELECT t.done();
