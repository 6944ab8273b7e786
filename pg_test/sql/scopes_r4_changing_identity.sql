-- R4: a cursor that was open before asks for the scope of whoever fetches from it, whatever it has been answered so far.
\ir lib/cast.sql
SELECT warden.define_role('reader', '{agents:read}'), warden.define_role('neither', '{user}');
SELECT warden.assign_role(:'alice', 'reader'), warden.assign_role(:'bob', 'neither'), warden.revoke_role(:'alice', 'user'), warden.revoke_role(:'bob', 'user');
SET ROLE owner;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL, open boolean NOT NULL DEFAULT true);
INSERT INTO notes SELECT i, :'alice' FROM generate_series(1, 100) AS i;
SELECT count(*) FROM warden.protect('notes', public_column => 'open', read_scope => 'agents:read');
RESET ROLE;
GRANT SELECT ON notes TO app;
SELECT format('ALTER DATABASE %I SET warden.allow_identity_switch = on', current_database()) \gexec
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'alice_token');
DECLARE c CURSOR FOR SELECT id FROM notes;
FETCH 2 FROM c \g /dev/null
SAVEPOINT before;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused('FETCH 1 FROM c', '42501', 'R4: somebody else is asked anew in the midst of it', 'scope "agents:read" is required');
ROLLBACK;

BEGIN;
SELECT warden.authenticate(:'alice_token');
DECLARE c CURSOR FOR SELECT id FROM notes;
SELECT t.rows('FETCH 2 FROM c', 2, 'R4: rows come while the scope is held');
SAVEPOINT before;
SELECT warden.authenticate(:'bob_token');
ROLLBACK TO before;
SELECT t.rows('FETCH 3 FROM c', 3, 'R4: and again when who holds it is back');
SELECT warden.sign_out();
SELECT t.rows('FETCH 3 FROM c', 0, 'R4: none for nobody');
COMMIT;

-- One place in a statement that asks for several scopes keeps no answer of one for another.
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.ok(warden.scope_admits('agents:read'), 'R4: a scope that is held');
SELECT t.refused('SELECT warden.scope_admits(s) FROM (VALUES (''agents:read''), (''agents:read''), (''tools:execute'')) AS v (s)', '42501', 'R4: each scope is asked for itself', 'scope "tools:execute" is required');
CREATE FUNCTION pg_temp.admits(scope text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN warden.scope_admits(scope); END $$;
SELECT t.ok(pg_temp.admits('agents:read'), 'R4: by a parameter too');
SELECT t.refused('SELECT pg_temp.admits(''tools:execute'')', '42501', 'R4: and the next parameter for itself', 'scope "tools:execute" is required');
COMMIT;
SELECT t.done();
