-- D6: what a client made before a table was protected tells it nothing of the table's rows afterwards.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
GRANT CREATE ON SCHEMA public TO app;

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid);
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid);
GRANT ALL ON documents, notes TO app;

\connect - app
CREATE TABLE probe (id int REFERENCES documents);
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER steal BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION steal();

\connect - owner
SELECT t.refused($$ SELECT warden.protect('documents') $$, '55000', 'a client''s foreign key', 'probe');
SELECT t.refused($$ SELECT warden.protect('notes') $$, '55000', 'a client''s trigger', 'trigger steal');
DROP TRIGGER steal ON notes;
SELECT t.ok(count(*) > 0, 'without the trigger it is protected') FROM warden.protect('notes');
\connect - app
DROP TABLE probe;
\connect - owner
SELECT t.ok(count(*) > 0, 'without the foreign key too') FROM warden.protect('documents');
SELECT t.is(count(*), 2, 'both are intact') FROM warden.protected_tables WHERE intact;
SELECT t.done();
