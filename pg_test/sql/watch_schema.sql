-- A9, D10: new tables of a watched schema are protected, or refused.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO owner;
GRANT CREATE ON SCHEMA public TO app;
\connect - owner
CREATE SCHEMA s;
CREATE SCHEMA elsewhere;
GRANT ALL ON SCHEMA s TO app, gateway;
CREATE TABLE s.old (user_id uuid);
CREATE TABLE s.other (id int);
CREATE TABLE elsewhere.coming (user_id uuid);
CREATE TABLE s.renamed (id int, person uuid);

SELECT t.refused($$ SELECT warden.watch_schema('public') $$, '42501', 'only the schema''s owner watches it');
SELECT t.refused($$ SELECT warden.watch_schema(NULL) $$, '22023', 'refused: NULL');
SELECT t.refused($$ SELECT warden.watch_schema('s', action => 'ignore') $$, '22023', 'refused: an unknown action');
SELECT t.refused($$ SELECT warden.watch_schema('s', owner_column => '') $$, '22023', 'refused: no column');
SELECT t.is(warden.watch_schema('s', except_tables => '{schema_migrations}'), '{s.old}', 'watching tells which tables are not protected yet');

CREATE TABLE s.created (id int, user_id uuid);
CREATE TABLE s.as_query AS SELECT 1 AS id, :alice::uuid AS user_id;
SELECT 2 AS id, :bob::uuid AS user_id INTO s.into_query;
CREATE TABLE s.altered (id int);
ALTER TABLE s.altered ADD COLUMN user_id uuid;
ALTER TABLE elsewhere.coming SET SCHEMA s;
ALTER TABLE s.renamed RENAME COLUMN person TO user_id;
CREATE TABLE s.parted (id int, user_id uuid) PARTITION BY LIST (id);
CREATE TABLE s.parted_1 PARTITION OF s.parted DEFAULT;
CREATE TABLE s.schema_migrations (user_id uuid);
CREATE TABLE s.without (id int);
CREATE TABLE elsewhere.free (user_id uuid);
CREATE TEMP TABLE passing (user_id uuid);
SELECT t.is(string_agg(relation::text, ' ' ORDER BY relation::text), 's.altered s.as_query s.coming s.created s.into_query s.parted s.parted_1 s.renamed',
    'however a table comes, it is protected') FROM warden.protected_tables WHERE intact;

SELECT t.refused('CREATE TABLE s.unusable (user_id numeric)', '22023', 'one that cannot be protected is refused');
SELECT t.refused('CREATE TABLE s.nobodys AS SELECT NULL::uuid AS user_id', '55000', 'so is one with rows of nobody');
SELECT t.succeeds('ALTER TABLE s.old ADD COLUMN more int', 'an old table is protected when it is changed');
SELECT t.ok(intact, 'and is so now') FROM warden.protected_tables WHERE relation = 's.old'::regclass;
GRANT SELECT ON ALL TABLES IN SCHEMA s TO gateway;

\connect - app
SELECT t.refused('CREATE TABLE s.of_client (user_id uuid)', '55000', 'a client''s own table is refused', 'client role app owns');
SELECT t.succeeds('CREATE TABLE s.of_client (id int)', 'unless it has no owner column');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 1, 'her row of a table made by a query') FROM s.as_query;
SELECT t.is(count(*), 0, 'not bob''s of another') FROM s.into_query;
COMMIT;

\connect - owner
SELECT t.is(warden.watch_schema('s', manage_columns => false, create_index => false), '{s.schema_migrations}', 'a watched schema may leave columns and indexes to migrations');
CREATE TABLE s.managed (id int, user_id uuid);
SELECT t.ok(intact, 'a new table is protected all the same') FROM warden.protected_tables WHERE relation = 's.managed'::regclass;
SELECT t.is(count(*), 0, 'without a default or NOT NULL') FROM pg_attribute WHERE attrelid = 's.managed'::regclass AND attnum > 0 AND (atthasdef OR attnotnull);
SELECT t.is(count(*), 0, 'and without an index') FROM pg_index WHERE indrelid = 's.managed'::regclass;
SELECT t.is(count(*), 1, 'as the other tables have one') FROM pg_index WHERE indrelid = 's.created'::regclass;
SELECT t.rows($$ SELECT FROM warden.protect('s.managed', manage_columns => false, create_index => false) $$, 0, 'nothing is left to do as it was watched');
SELECT t.is(warden.watch_schema('s', action => 'refuse'), '{s.schema_migrations}', 'watching anew replaces what was said');
SELECT t.refused('CREATE TABLE s.next (user_id uuid)', '55000', 'a new table is refused', 'not protected');
SELECT t.succeeds('CREATE TABLE s.next (id int)', 'one without the column is not');
SELECT t.is(warden.unwatch_schema('s'), true, 'watching ends');
SELECT t.is(warden.unwatch_schema('s'), false, 'once');
SELECT t.succeeds('ALTER TABLE s.next ADD COLUMN user_id uuid', 'then a table may be open');
SELECT warden.watch_schema('elsewhere');
SELECT t.succeeds('ALTER SCHEMA elsewhere RENAME TO "else Where"', 'a watched schema may be renamed');
CREATE TABLE "else Where".here (id int, user_id uuid);
SELECT t.ok(intact, 'and is watched by its new name') FROM warden.protected_tables WHERE relation = '"else Where".here'::regclass;
SELECT t.succeeds('DROP SCHEMA "else Where" CASCADE', 'a watched schema may be dropped');
\connect - postgres
SELECT t.is(count(*), 0, 'and is forgotten') FROM warden.watched_schemas;
SELECT t.is(string_agg(action, ' ' ORDER BY id), 'watch_schema watch_schema watch_schema unwatch_schema watch_schema unwatch_schema', 'all of it is recorded')
FROM warden.audit_log WHERE action LIKE '%watch_schema';
SELECT t.refused($$ SELECT warden.watch_schema('pg_catalog') $$, '22023', 'refused: a schema of the system');
SELECT t.refused($$ SELECT warden.watch_schema('warden') $$, '22023', 'refused: the extension''s own');
SELECT t.done();
