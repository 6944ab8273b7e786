-- N8, N11: protect_schema() protects every table of a schema that carries the owner column, all or none, and says which
-- stay open.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO owner;

\connect - owner
CREATE SCHEMA s;
CREATE SCHEMA above;
GRANT USAGE ON SCHEMA s TO app, gateway;
CREATE TABLE s.documents (id int PRIMARY KEY, user_id uuid);
CREATE TABLE s.files (id int, user_id uuid, document_id int REFERENCES s.documents);
CREATE TABLE s.parted (id int, user_id uuid) PARTITION BY LIST (id);
CREATE TABLE s.parted_1 PARTITION OF s.parted FOR VALUES IN (1);
CREATE TABLE s.parent (id int);
CREATE TABLE s.child (user_id uuid) INHERITS (s.parent);
CREATE TABLE above.parent (user_id uuid);
CREATE TABLE s.orphan () INHERITS (above.parent);
CREATE TABLE s.countries (code text);
CREATE TABLE s.jobs (id int, user_id uuid);
CREATE TABLE s.schema_migrations (id int, user_id uuid);
CREATE TABLE s.done (id int, user_id uuid);
CREATE VIEW s.some_view AS SELECT * FROM s.documents;
INSERT INTO s.documents VALUES (1, :alice), (2, :bob);
INSERT INTO s.parted VALUES (1, :alice), (1, :bob);
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA s TO gateway;
REVOKE ALL ON s.some_view FROM gateway;
SELECT count(*) FROM warden.protect('s.done');
SELECT warden.exempt('s.jobs', 'the worker''s own');

CREATE FUNCTION protected_now() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(relation::text, ' ' ORDER BY relation::text) FROM warden.protected_tables WHERE intact
$$;

-- Who may, and of what.
\connect - app
SELECT t.refused($$ SELECT warden.protect_schema('s') $$, '42501', 'a client protects no schema', 'must be owner of table s.');
\connect - owner
SELECT t.refused($$ SELECT warden.protect_schema(NULL) $$, '22023', 'refused: NULL');
SELECT t.refused($$ SELECT warden.protect_schema('pg_catalog') $$, '22023', 'refused: a schema of the system');
SELECT t.refused($$ SELECT warden.protect_schema('s', '') $$, '22023', 'refused: no column', 'owner column');
SELECT t.refused($$ SELECT warden.protect_schema('s', NULL) $$, '22023', 'refused: NULL as column', 'owner column');

-- The plan first.
CREATE TEMP TABLE planned AS SELECT * FROM warden.protect_schema('s', except_tables => '{schema_migrations,parent}', dry_run => true);
SELECT t.is(protected_now(), 's.done', 'a dry run protects nothing');
SELECT t.is(string_agg(DISTINCT table_name::text, ' ' ORDER BY table_name::text), 's.documents s.files s.parted s.parted_1', 'it plans for each table that carries the column')
FROM planned WHERE step IS NOT NULL;
SELECT t.is(string_agg(table_name || ' ' || note, ', ' ORDER BY table_name::text),
    's.child stays open: is a child of s.parent, which is not protected, s.countries stays open: has no column user_id, '
    || 's.jobs stays open: exempt, the worker''s own, s.orphan stays open: is a child of above.parent, which is not protected, '
    || 's.parent stays open: one of except_tables, s.schema_migrations stays open: one of except_tables',
    'and says of every other why it stays open')
FROM planned WHERE step IS NULL;

-- All or nothing.
SELECT t.refused($$ CREATE TABLE s.last (id int, user_id numeric); SELECT warden.protect_schema('s') $$, '22023',
    'one table that cannot be protected stops all', '^s.last: an owner column of type numeric is not supported');
SELECT t.refused($$ CREATE TABLE s.last AS SELECT 1 AS id, NULL::uuid AS user_id; SELECT warden.protect_schema('s') $$, '55000',
    'so does one with rows of nobody', '1 rows of s.last have no user_id');
SELECT t.refused($$ CREATE TABLE s.last (id int, user_id uuid); CREATE POLICY mine ON s.last USING (true); SELECT warden.protect_schema('s') $$, '55000',
    'or with a policy of its own', 's.last has policies');
SELECT t.is(protected_now(), 's.done', 'nothing is protected by a call that fails');
\connect - postgres
CREATE TABLE s.of_somebody_else (id int, user_id uuid);
\connect - owner
SELECT t.refused($$ SELECT warden.protect_schema('s') $$, '42501', 'a table of another owner', 'must be owner of table s.of_somebody_else');
\connect - postgres
DROP TABLE s.of_somebody_else;

\connect - owner
CREATE TEMP TABLE done AS SELECT * FROM warden.protect_schema('s', except_tables => '{schema_migrations,parent}');
SELECT t.is(protected_now(), 's.documents s.done s.files s.parted s.parted_1', 'they are protected');
SELECT t.ok(count(*) > 0 AND bool_and(sql IS NOT NULL AND lock IS NOT NULL), 'by the statements that it returns') FROM done WHERE step IS NOT NULL;
SELECT t.rows($$ SELECT * FROM warden.protect_schema('s', except_tables => '{schema_migrations,parent}') WHERE step IS NOT NULL $$, 0, 'once');
SELECT t.is(count(*), 6, 'what stays open is said each time') FROM warden.protect_schema('s', except_tables => '{schema_migrations,parent}');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('SELECT * FROM s.documents', 1, 'alice sees her document');
SELECT t.rows('SELECT * FROM s.parted_1', 1, 'her row of the partition');
SELECT t.rows('INSERT INTO s.files VALUES (1, NULL, 1)', 1, 'and attaches a file to it');
SELECT t.refused('INSERT INTO s.files VALUES (1, NULL, 2)', '42501', 'none to bob''s');
COMMIT;

\connect - postgres
SELECT t.is(string_agg(action || ' ' || object, ', ' ORDER BY id), 'protect s.done, protect s.documents, protect s.files, protect s.parted, protect_schema s',
    'recorded table by table, and once for all') FROM warden.audit_log WHERE action LIKE 'protect%';
SELECT t.is(detail->>'protected', '["s.documents", "s.files", "s.parted"]', 'with the tables') FROM warden.audit_log WHERE action = 'protect_schema';

-- Existing columns and indexes can be left to the project's own migrations.
\connect - owner
CREATE SCHEMA later;
CREATE TABLE later.notes (id int, user_id uuid);
SELECT count(*) FROM warden.protect_schema('later', manage_columns => false, create_index => false);
SELECT t.is(count(*), 0, 'no index, no default, no NOT NULL') FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id'
LEFT JOIN pg_index i ON i.indrelid = c.oid
WHERE c.oid = 'later.notes'::regclass AND (i.indexrelid IS NOT NULL OR a.attnotnull OR a.atthasdef);
SELECT t.ok(intact, 'and the table is protected') FROM warden.protected_tables WHERE relation = 'later.notes'::regclass;
SELECT t.done();
