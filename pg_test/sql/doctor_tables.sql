-- N2, A9, D10: doctor() finds each table that is open, has lost its protection or has a way around it; its remedy mends it.
\ir lib/doctor.sql

-- A9: what has an owner column and is not protected; what nobody has declared.
CREATE TABLE invoices (id int, user_id uuid);
SELECT t.is(found(), 'table_unprotected public.invoices', 'an owner column and no row-level security: at once, granted or not');
\ir lib/mend.sql
SELECT t.ok(intact, 'protected now') FROM warden.protected_tables WHERE relation = 'invoices'::regclass;
CREATE TABLE copied AS SELECT * FROM documents;
SELECT t.is(found(), 'table_unprotected public.copied', 'D10: CREATE TABLE AS');
\ir lib/mend.sql
CREATE SCHEMA watched;
CREATE TABLE watched.early (id int, user_id uuid NOT NULL);
CREATE INDEX ON watched.early (user_id);
SELECT warden.watch_schema('watched', manage_columns => false, create_index => false);
SELECT t.is(found(), 'table_unprotected watched.early', 'a table that was there before its schema was watched');
\ir lib/mend.sql
SELECT t.ok(NOT manage_columns AND NOT create_index, 'it is protected the way the schema protects its tables')
FROM warden.protections WHERE relation = 'watched.early'::regclass;
CREATE TABLE asleep (user_id uuid, n int) PARTITION BY LIST (n);
CREATE TABLE asleep_1 PARTITION OF asleep FOR VALUES IN (1);
CREATE POLICY old ON asleep_1 USING (true);
SELECT t.is(found(), 'table_unprotected public.asleep', 'with a partition that has a policy already');
\ir lib/mend.sql
CREATE TABLE theirs (id int, user_id uuid);
ALTER TABLE theirs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON theirs USING (user_id = warden.current_user_id());
SELECT t.is(found(), 'policies_unwatched public.theirs', 'policies of its own');
\ir lib/mend.sql
CREATE TABLE hidden (id int, user_id uuid);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT t.is(found(), NULL, 'row-level security without a policy shows nobody anything: no finding');
ALTER TABLE hidden NO FORCE ROW LEVEL SECURITY;
SELECT t.is(found(), 'row_security_not_forced public.hidden', 'RLS without FORCE');
\ir lib/mend.sql
CREATE TABLE countries (code text);
SELECT t.is(found(), NULL, 'a table without an owner column, which nobody else can read: no finding');
GRANT SELECT (code) ON countries TO app;
SELECT t.is(found(), 'table_undeclared public.countries', 'a column of it granted to a client');
\ir lib/mend.sql
SELECT t.rows('SELECT FROM warden.exempt_tables', 1, 'it is declared now');
CREATE TABLE lines (id uuid PRIMARY KEY, document_id bigint REFERENCES documents, other_id bigint NOT NULL REFERENCES documents);
GRANT SELECT ON lines TO app;
SELECT t.is(found(), 'table_undeclared public.lines', 'one that refers to a protected table');
\ir lib/mend.sql
SELECT t.is(parent_column, 'other_id', 'its rows belong to rows of that one') FROM warden.protected_tables WHERE relation = 'lines'::regclass;

-- D10: what happened while nobody watched. The guards are circumvented the way a superuser does.
CREATE FUNCTION unwatched(statement text) RETURNS boolean LANGUAGE plpgsql SET session_replication_role = replica AS $$
BEGIN
    EXECUTE statement;
    RETURN true;
END $$;
SELECT unwatched('ALTER TABLE documents NO FORCE ROW LEVEL SECURITY');
SELECT t.is(found(), 'row_security_not_forced public.documents', 'FORCE taken from a protected table');
\ir lib/mend.sql
SELECT unwatched('ALTER TABLE documents DISABLE ROW LEVEL SECURITY');
SELECT t.is(found(), 'protection_incomplete public.documents', 'row-level security switched off');
\ir lib/mend.sql
SELECT unwatched('DROP POLICY warden_select ON documents; DROP POLICY warden_delete ON documents');
SELECT t.is(found(), 'protection_incomplete public.documents', 'policies dropped');
\ir lib/mend.sql
SELECT unwatched('ALTER POLICY warden_select ON documents USING (true)');
SELECT t.is(found(), 'protection_incomplete public.documents', 'a policy opened');
\ir lib/mend.sql
SELECT unwatched('ALTER TABLE documents DISABLE TRIGGER USER');
SELECT t.is(found(), 'protection_incomplete public.documents', 'triggers switched off');
\ir lib/mend.sql
SELECT unwatched('CREATE POLICY everybody ON documents FOR SELECT USING (true)');
SELECT t.is(found(), 'extra_policy public.documents', 'an extra permissive policy');
\ir lib/mend.sql
SELECT unwatched('CREATE POLICY narrow ON documents AS RESTRICTIVE USING (true)');
SELECT t.is(found(), 'extra_policy public.documents', 'a restrictive one');
\ir lib/mend.sql
-- What drizzle-kit push does, all at once.
SELECT unwatched('DROP POLICY ' || quote_ident(polname) || ' ON documents') FROM pg_policy WHERE polrelid = 'documents'::regclass;
SELECT unwatched('ALTER TABLE documents DISABLE ROW LEVEL SECURITY');
SELECT t.is(found(), 'protection_incomplete public.documents', 'a schema tool took all of it away');
\ir lib/mend.sql
CREATE TABLE public_posts (id int, user_id uuid, is_public boolean);
SELECT count(*) FROM warden.protect('public_posts', public_column => 'is_public', manage_columns => false);
SELECT warden.allow('public_posts', 'UPDATE', 'id = 0', 'an example');
SELECT unwatched('DROP POLICY warden_select ON public_posts');
SELECT t.is(found(), 'protection_incomplete public.public_posts', 'a policy with declared exceptions');
\ir lib/mend.sql
SELECT t.is(public_column || ' ' || (allowances #>> '{0,predicate}') || ' ' || intact, 'is_public (id = 0) true', 'which are as they were')
FROM warden.protected_tables WHERE relation = 'public_posts'::regclass;

-- D10: partitions and children.
CREATE TABLE parted_2 (id uuid NOT NULL, user_id uuid NOT NULL, year int NOT NULL);
SELECT unwatched('ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2)');
SELECT t.is(found(), 'partition_unprotected public.parted_2', 'a partition that was attached unseen');
\ir lib/mend.sql
CREATE TABLE documents_old (LIKE documents INCLUDING IDENTITY);
CREATE INDEX ON documents_old (user_id);
SELECT unwatched('ALTER TABLE documents_old INHERIT documents');
SELECT t.is(found(), 'partition_unprotected public.documents_old', 'a child');
\ir lib/mend.sql
GRANT SELECT ON parted_1 TO app;
SELECT t.is(found(), 'partition_granted public.parted_1', 'a partition granted directly');
\ir lib/mend.sql
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE elsewhere (id int, user_id uuid) SERVER files OPTIONS (filename '/dev/null');
SELECT t.is(found(), NULL, 'a foreign table that no client was granted: no finding');
GRANT SELECT ON elsewhere TO app;
SELECT t.is(found(), 'foreign_table_granted public.elsewhere', 'a foreign table that was');
\ir lib/mend.sql

-- D10: privileges that no policy is asked about; GRANT ALL after protect().
GRANT TRUNCATE ON documents TO app;
SELECT t.is(found(), 'privilege_granted public.documents', 'TRUNCATE');
\ir lib/mend.sql
GRANT REFERENCES (id) ON documents TO app;
SELECT t.is(found(), 'privilege_granted public.documents', 'REFERENCES of one column');
\ir lib/mend.sql
GRANT ALL ON documents TO PUBLIC;
SELECT t.is(found(), 'privilege_granted public.documents', 'ALL, to everybody');
\ir lib/mend.sql
SELECT t.ok(has_table_privilege('app', 'documents', 'SELECT') AND NOT has_table_privilege('app', 'documents', 'TRUNCATE'),
    'what policies decide about is still granted');

-- Names that need quotes, and another schema.
CREATE SCHEMA "od""d";
CREATE TABLE "od""d"."Ta'ble" ("user_id" uuid, "a b" int);
SELECT t.is(found(), 'table_unprotected "od""d"."Ta''ble"', 'an odd name');
\ir lib/mend.sql
GRANT TRUNCATE ON "od""d"."Ta'ble" TO app;
SELECT t.is(found(), 'privilege_granted "od""d"."Ta''ble"', 'granted');
\ir lib/mend.sql
SELECT t.done();
