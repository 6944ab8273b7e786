-- R1: the roles and their default scopes are data; a viewer reads his own and writes nothing, a user writes his own.
\ir lib/cast.sql
SELECT t.is(warden.scopes_of_roles(ARRAY[role]), scopes::text[], 'R1: ' || role)
FROM (VALUES ('anonymous', '{anonymous}'), ('viewer', '{agents:read,user}'), ('user', '{agents:read,tools:execute,user}'),
    ('admin', '{admin,agents:read,tools:execute,user,users:act_as}'),
    ('owner', '{admin,agents:read,billing,tools:execute,user,users:act_as,users:manage}'), ('nonesuch', '{}')) AS r (role, scopes);
SELECT t.is(warden.scopes_of_user(:'alice'), '{agents:read,tools:execute,user}', 'R1: of a user');
SELECT t.is(warden.scopes_of_user(gen_random_uuid()), '{}', 'R1: none of nobody');
SELECT warden.assign_role(:'alice', 'viewer'), warden.revoke_role(:'alice', 'user');
GRANT ALL ON documents TO app;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL, parent int REFERENCES notes);
GRANT ALL ON notes TO app;
SELECT count(*) FROM warden.protect('notes');
INSERT INTO notes VALUES (1, :'alice'), (2, :'bob');
CREATE TABLE open_table (id int);
GRANT ALL ON open_table TO app;
CREATE VIEW my_notes WITH (security_invoker) AS SELECT * FROM notes;
GRANT ALL ON my_notes TO app;
CREATE FUNCTION write_as_definer() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO notes VALUES (8) RETURNING true';
ALTER FUNCTION write_as_definer() OWNER TO owner;
GRANT INSERT, SELECT ON notes TO owner;

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is((SELECT string_agg(id::text, ',') FROM notes), '1', 'R1: a viewer sees his own');
SELECT t.is((SELECT string_agg(id::text, ',') FROM (SELECT id FROM notes FOR UPDATE) n), '1', 'R1: also where he locks it');
SELECT t.refused(statement, '42501', 'R1: a viewer is refused: ' || statement, 'only read')
FROM (VALUES ('INSERT INTO notes VALUES (3)'), ('INSERT INTO notes SELECT 3 WHERE false'), ('UPDATE notes SET id = 4'), ('UPDATE notes SET id = 4 WHERE false'),
    ('DELETE FROM notes'), ('DELETE FROM notes WHERE id = 2'), ('WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d'),
    ('INSERT INTO notes VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 5'), ('DELETE FROM my_notes'), ('EXPLAIN ANALYZE DELETE FROM notes'),
    ('PREPARE p AS DELETE FROM notes; EXECUTE p'), ('SELECT write_as_definer()')) AS s (statement);
SELECT t.succeeds('EXPLAIN DELETE FROM notes', 'R1: to ask for a plan writes nothing');
SELECT t.succeeds('INSERT INTO open_table VALUES (1)', 'R1: a table that is not protected is not our concern');
SELECT t.refused('COPY notes FROM STDIN', '0A000', 'R1: COPY FROM is refused to everybody');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('INSERT INTO notes VALUES (3)', 1, 'R1: a user writes his own');
SELECT t.rows('UPDATE notes SET id = 4 WHERE id = 3', 1, 'R1: and changes it');
SELECT t.rows('DELETE FROM notes', 2, 'R1: and deletes it');
ROLLBACK;

-- A statement that signs him in itself began as nobody, and is no way around.
SELECT set_config('t.token', :'alice_token', false);
CREATE FUNCTION pg_temp.sign_in() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RETURN warden.authenticate(current_setting('t.token')); END $$;
CREATE FUNCTION pg_temp.fails_first() RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    BEGIN UPDATE notes SET id = 1 / (id - id) WHERE pg_temp.sign_in() IS NOT NULL; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN INSERT INTO notes SELECT 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END;
    DELETE FROM notes;
    RETURN pg_temp.sign_in();
END $$;
SELECT t.refused(statement, '55000', 'R1: a viewer signs in within: ' || statement, 'began before')
FROM (VALUES ('UPDATE notes SET id = 40 WHERE (SELECT pg_temp.sign_in()) IS NOT NULL'), ('DELETE FROM notes WHERE (SELECT pg_temp.sign_in()) IS NOT NULL'),
    ('WITH a AS MATERIALIZED (SELECT pg_temp.sign_in() AS id) INSERT INTO notes SELECT 40, id FROM a'), ('UPDATE my_notes SET id = 40 WHERE (SELECT pg_temp.sign_in()) IS NOT NULL'),
    ('WITH a AS MATERIALIZED (SELECT pg_temp.sign_in() AS id), i AS (INSERT INTO notes SELECT 40, id FROM a) SELECT * FROM a')) AS s (statement);
BEGIN;
DELETE FROM notes WHERE false;
SELECT t.succeeds('INSERT INTO open_table SELECT 1 WHERE pg_temp.sign_in() IS NOT NULL', 'R1: into a table that is not protected it is no matter');
SELECT t.is((SELECT string_agg(id::text, ',') FROM notes), '1', 'R1: nor what nobody has written before');
ROLLBACK;
BEGIN;
SELECT t.is(pg_temp.fails_first(), :'alice'::uuid, 'R1: nor what has ended or failed by then');
ROLLBACK;
SELECT set_config('t.token', :'bob_token', false);
BEGIN;
SELECT t.rows('UPDATE notes SET id = 40 WHERE (SELECT pg_temp.sign_in()) IS NOT NULL', 1, 'R1: who writes may sign in so');
ROLLBACK;

-- Of two roles the one that writes counts; of none, none.
\connect - postgres
SELECT warden.assign_role(:'alice', 'user'), warden.assign_role(:'bob', 'viewer'), warden.revoke_role(:'bob', 'viewer'), warden.revoke_role(:'bob', 'user');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('UPDATE notes SET id = 4', 1, 'R1: a viewer who is a user as well writes');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(warden.current_scopes(), ARRAY['user:' || :'bob'], 'R1: without a role nothing is held');
SELECT t.refused('UPDATE notes SET id = 4', '42501', 'R1: and nothing written', 'only read');
SELECT t.is((SELECT string_agg(id::text, ',') FROM notes), '2', 'R1: but read');
COMMIT;
-- It follows savepoints and ends with the transaction, as the identity does.
BEGIN;
SAVEPOINT s;
SELECT warden.authenticate(:'bob_token');
ROLLBACK TO s;
SELECT t.rows('DELETE FROM notes', 0, 'nobody deletes nothing, without an error');
COMMIT;
-- What it is, is data.
\connect - postgres
SELECT t.is(warden.define_role('viewer', '{user,agents:read}', reads_only => false), true, 'R1: the mapping is data');
SELECT warden.assign_role(:'bob', 'viewer');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('DELETE FROM notes', 1, 'R1: viewers that were made to write do');
ROLLBACK;
SELECT t.done();
