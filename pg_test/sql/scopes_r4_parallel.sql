-- R4: a statement within a function that a parallel worker runs is refused a table whose scope is missing, as anywhere else: before a
-- row is touched, and whether there is one or not.
\ir lib/cast.sql
\ir lib/parallel.sql
SELECT warden.define_role('reader', '{agents:read}');
SET ROLE owner;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL);
INSERT INTO notes VALUES (1, :'bob');
SELECT count(*) FROM warden.protect('notes', read_scope => 'agents:read');
RESET ROLE;
GRANT SELECT ON notes TO app;
CREATE FUNCTION notes_there(note int) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN (SELECT count(*) FROM public.notes WHERE id = -note); END $$;
\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(rows_by_workers('SELECT * FROM many WHERE notes_there(id) = 0'), 10000, 'R4: who holds the scope is answered, by workers');
COMMIT;
\connect - postgres
SELECT warden.define_role('user', '{user}');
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(rows_by_workers('SELECT * FROM many'), 10000, 'another table is read by workers');
SELECT t.refused('SELECT rows_by_workers(''SELECT * FROM many WHERE notes_there(id) = 0'')', '42501', 'R4: who does not is refused, though there is no row of hers', 'scope "agents:read" is required');
COMMIT;
SELECT t.done();
