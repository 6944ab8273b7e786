-- R4: a scope on a table: without it a statement is refused before a row is touched, for reading and for writing by itself.
\ir lib/cast.sql
GRANT USAGE ON SCHEMA t TO app;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL, open boolean NOT NULL DEFAULT false);
INSERT INTO notes SELECT i, CASE WHEN i <= 3 THEN :'alice'::uuid WHEN i <= 5 THEN :'bob'::uuid ELSE gen_random_uuid() END, i = 9 FROM generate_series(1, 1000) AS i;
CREATE TABLE lines (id int PRIMARY KEY, note int NOT NULL REFERENCES notes);
INSERT INTO lines VALUES (1, 1), (4, 4);
GRANT ALL ON notes, lines TO app;
ALTER TABLE notes OWNER TO owner;
ALTER TABLE lines OWNER TO owner;
GRANT CREATE ON SCHEMA public TO owner;
\connect - owner
SELECT count(*) FROM warden.protect('notes', public_column => 'open');
SELECT jsonb_agg(pg_get_expr(polqual, polrelid) ORDER BY polname) AS plain FROM pg_policy WHERE polrelid = 'notes'::regclass \gset
SELECT t.refused(format('SELECT * FROM warden.protect(''notes'', %s => %L)', argument, scope), '22023', format('R4: %s %s is refused', argument, scope))
FROM unnest('{read_scope,write_scope}'::text[]) AS argument, unnest(ARRAY['nonesuch', 'agents:*', '*', '', 'a''b', 'files:{{user_id}}']) AS scope;
SELECT count(*) FROM warden.protect('notes', public_column => 'open', read_scope => 'agents:read', write_scope => 'tools:execute');
SELECT t.is((SELECT count(*) FROM warden.protect('notes', public_column => 'open', read_scope => 'agents:read', write_scope => 'tools:execute')), 0, 'R4: protected so, nothing is left to do');
SELECT t.is(pg_get_expr(polqual, polrelid), '(warden.scope_admits(''tools:execute''::text) AND (user_id = warden.current_user_id()))', 'R4: what the policy says')
FROM pg_policy WHERE polrelid = 'notes'::regclass AND polcmd = 'd';
SELECT count(*) FROM warden.protect('lines', owner_column => NULL, parent_column => 'note');
\connect - postgres
SELECT t.is((SELECT format('%s %s %s', read_scope, write_scope, intact) FROM warden.protected_tables WHERE table_name = 'notes'), 'agents:read tools:execute t', 'R4: and the view');
SELECT warden.define_role('reader', '{agents:read}'), warden.define_role('writer', '{tools:execute}'), warden.define_role('neither', '{user}');
CREATE FUNCTION becomes(who text, role text) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public AS
    $$ UPDATE warden.users SET roles = ARRAY[role] WHERE id = who::uuid RETURNING true $$;
SELECT becomes(:'alice', 'neither');

\ir lib/as_attacker.sql
SELECT t.rows('SELECT * FROM notes', 0, 'R4: nobody sees nothing, without an error');
SELECT t.rows('DELETE FROM notes', 0, 'R4: and deletes nothing');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(statement, '42501', 'R4: without the scope refused: ' || statement, 'scope "agents:read" is required')
FROM (VALUES ('SELECT * FROM notes'), ('SELECT count(*) FROM notes WHERE false OR id = 1'), ('SELECT * FROM notes WHERE open'), ('SELECT * FROM notes FOR UPDATE'),
    ('SELECT * FROM notes WHERE id = 4'), ('SELECT * FROM notes WHERE id = 4000'), ('SELECT * FROM notes WHERE user_id = gen_random_uuid()'), ('SELECT 1 FROM notes LIMIT 0'),
    ('SELECT * FROM lines'), ('SELECT 1 WHERE EXISTS (SELECT FROM notes)'),
    ('SELECT * FROM (VALUES (1)) v LEFT JOIN notes n ON true')) AS s (statement);
SELECT t.refused(statement, '42501', 'R4: without the scope refused: ' || statement, 'scope "tools:execute" is required')
FROM (VALUES ('DELETE FROM notes'), ('UPDATE notes SET open = true'), ('INSERT INTO notes VALUES (2000)'), ('INSERT INTO notes (id, user_id) SELECT 2000, warden.current_user_id()'),
    ('DELETE FROM notes WHERE false'), ('DELETE FROM notes USING lines'), ('INSERT INTO notes SELECT * FROM notes WHERE false'),
    ('WITH d AS (DELETE FROM notes) SELECT 1')) AS s (statement);
COMMIT;
\set ON_ERROR_STOP off
BEGIN;
SELECT warden.authenticate(:'alice_token');
COPY notes TO STDOUT;
\set state :LAST_ERROR_SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP on
SELECT t.is(:'state', '42501', 'R4: without the scope refused: COPY');

-- Before a row is touched: a function of the attacker's in WHERE is never asked about one.
BEGIN;
SELECT warden.authenticate(:'alice_token');
CREATE TEMP TABLE seen_rows (id int);
CREATE FUNCTION pg_temp.leak(id int) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE EXCEPTION 'leaked %', id; END $$;
SELECT t.refused('SELECT * FROM notes WHERE pg_temp.leak(id)', '42501', 'R4: before a row is touched', 'is required');
SELECT t.refused('UPDATE notes SET open = pg_temp.leak(id)', '42501', 'R4: also in an UPDATE', 'is required');
SELECT t.succeeds('PREPARE kept AS SELECT count(*) FROM notes', 'a plan is no reading');
SELECT t.refused('EXECUTE kept', '42501', 'R4: a prepared statement is refused as any', 'is required');
COMMIT;

-- The one without the other.
\connect - postgres
SELECT becomes(:'alice', 'reader');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is((SELECT string_agg(id::text, ',' ORDER BY id) FROM notes), '1,2,3,9', 'R4: who may read reads: his own and what is public');
SELECT t.is((SELECT string_agg(id::text, ',') FROM lines), '1', 'R4: and what belongs to it');
SELECT t.refused('DELETE FROM notes', '42501', 'R4: and does not write', 'scope "tools:execute" is required');
COMMIT;
\connect - postgres
SELECT becomes(:'alice', 'writer');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused('SELECT * FROM notes', '42501', 'R4: who may write does not read', 'scope "agents:read" is required');
SELECT t.refused('DELETE FROM notes WHERE id = 1', '42501', 'R4: nor look for what to write', 'scope "agents:read" is required');
SELECT t.rows('INSERT INTO notes VALUES (2000)', 1, 'R4: but writes');
SELECT t.refused('INSERT INTO notes VALUES (2001, ' || quote_literal(:'bob') || ')', '42501', 'R4: his own only');
ROLLBACK;
-- The same session feels the change in its next transaction; a viewer reads and never writes.
\connect - postgres
SELECT becomes(:'alice', 'viewer');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('SELECT * FROM notes', 4, 'R1: a viewer reads');
SELECT t.refused('DELETE FROM notes', '42501', 'R1: and never writes');
COMMIT;

-- No cost on the owner's plan: the same index, the same estimate.
\connect - postgres
CREATE TABLE free_notes AS SELECT * FROM notes;
GRANT ALL ON free_notes TO app;
SELECT count(*) FROM warden.protect('free_notes', public_column => NULL);
CREATE TABLE scoped_notes AS SELECT * FROM notes;
GRANT ALL ON scoped_notes TO app;
SELECT count(*) FROM warden.protect('scoped_notes', read_scope => 'agents:read', write_scope => 'tools:execute');
ANALYZE notes, free_notes, scoped_notes;
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('SELECT * FROM notes WHERE NOT open', 2, 'a user reads');
SELECT t.rows('UPDATE notes SET open = true WHERE id = 4', 1, 'and writes');
CREATE FUNCTION pg_temp.plan(statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan; RETURN plan #> '{0,Plan}'; END $$;
SET LOCAL enable_seqscan = off;
SELECT t.is(scoped - '{Filter,Relation Name,Alias,Index Name,Total Cost,Plans}'::text[], free - '{Filter,Relation Name,Alias,Index Name,Total Cost,Plans}'::text[], 'R4: the plan is that of before, and so is what it expects: ' || rest)
FROM (VALUES (''), (' ORDER BY user_id LIMIT 20'), (' WHERE id > 3')) AS r (rest),
    LATERAL (SELECT pg_temp.plan('SELECT * FROM scoped_notes' || rest), pg_temp.plan('SELECT * FROM free_notes' || rest)) AS p (scoped, free);
SELECT t.ok((scoped ->> 'Total Cost')::float < 1.05 * (free ->> 'Total Cost')::float, 'R4: at the same cost')
FROM (SELECT pg_temp.plan('SELECT * FROM scoped_notes'), pg_temp.plan('SELECT * FROM free_notes')) AS p (scoped, free);
ROLLBACK;

-- Taken back: the policies are those of before, byte by byte.
\connect - owner
SELECT t.refused('SELECT * FROM warden.protect(''notes'', public_column => ''open'')', '55000', 'R4: left out by mistake, the scopes stay', 'requires a scope');
SELECT count(*) FROM warden.protect('notes', public_column => 'open', read_scope => 'user', write_scope => 'user');
SELECT t.matches((SELECT string_agg(pg_get_expr(polqual, polrelid), ' ') FROM pg_policy WHERE polrelid = 'notes'::regclass), 'scope_admits\(''user''::text\)', 'R4: others take their place');
SELECT t.refused('SELECT * FROM warden.unprotect(''notes'')', '55000', 'R4: the parent stays while lines belong to it');
SELECT count(*) FROM warden.unprotect('lines');
SELECT t.ok(count(*) > 0, 'R4: unprotected') FROM warden.unprotect('notes');
SELECT t.rows('SELECT * FROM notes', 1000, 'R4: and nothing is asked any more');
SELECT count(*) FROM warden.protect('notes', public_column => 'open');
SELECT t.is((SELECT jsonb_agg(pg_get_expr(polqual, polrelid) ORDER BY polname)::text FROM pg_policy WHERE polrelid = 'notes'::regclass), :'plain',
    'R4: without scopes the policies are what they were');
SELECT t.done();
