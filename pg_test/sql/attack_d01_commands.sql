-- D1: what a client can try against a protected table besides the four commands of the policies.
\ir lib/people.sql
GRANT CREATE ON SCHEMA public TO app, gateway;
\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, body text);
INSERT INTO documents VALUES (1, :alice, 'a'), (2, :bob, 'b');
SELECT count(*) FROM warden.protect('documents');
-- A careless migration afterwards.
GRANT ALL ON documents TO app, gateway WITH GRANT OPTION;

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.refused('TRUNCATE documents', '42501', 'TRUNCATE, in spite of the privilege');
SELECT t.refused('TRUNCATE documents CASCADE', '42501', 'TRUNCATE CASCADE');
SELECT t.refused('CREATE POLICY mine ON documents USING (true)', '42501', 'CREATE POLICY');
SELECT t.refused('ALTER POLICY warden_select ON documents USING (true)', '42501', 'ALTER POLICY');
SELECT t.refused('DROP POLICY warden_select ON documents', '42501', 'DROP POLICY');
SELECT t.refused('ALTER TABLE documents DISABLE ROW LEVEL SECURITY', '42501', 'DISABLE ROW LEVEL SECURITY');
SELECT t.refused('ALTER TABLE documents NO FORCE ROW LEVEL SECURITY', '42501', 'NO FORCE');
SELECT t.refused('ALTER TABLE documents DISABLE TRIGGER ALL', '42501', 'DISABLE TRIGGER');
SELECT t.refused('ALTER TABLE documents OWNER TO gateway', '42501', 'OWNER TO');
SELECT t.refused('CREATE RULE r AS ON INSERT TO documents DO INSTEAD NOTHING', '42501', 'CREATE RULE');
SELECT t.refused('DROP TABLE documents', '42501', 'DROP TABLE');
SELECT t.refused('DROP EVENT TRIGGER warden_after_ddl', '42501', 'DROP EVENT TRIGGER');
SELECT t.refused('ALTER EVENT TRIGGER warden_after_ddl DISABLE', '42501', 'disabling the event trigger');
SELECT t.refused('SET session_replication_role = replica', '42501', 'session_replication_role');
SELECT t.refused($$ SELECT warden.unprotect('documents') $$, '42501', 'unprotect');
SELECT t.refused('DELETE FROM warden.protections', '42501', 'the record of protected tables');
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SELECT t.refused('CREATE TRIGGER spy BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION spy()', '42501', 'a trigger, in spite of the privilege');
SELECT t.refused('CREATE TRIGGER zzz BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION warden.fill_owner(''body'')', '42501', 'our own trigger on other columns');
SELECT t.refused('CREATE TABLE spying (id int REFERENCES documents)', '42501', 'a foreign key that asks for keys', 'cannot refer');
CREATE TABLE spying (id int);
SELECT t.refused('ALTER TABLE spying ADD FOREIGN KEY (id) REFERENCES documents', '42501', 'the same afterwards', 'cannot refer');
SELECT t.succeeds('CREATE TRIGGER spy BEFORE UPDATE ON spying FOR EACH ROW EXECUTE FUNCTION spy()', 'on a table of its own a client makes triggers');
SELECT t.ok(t.error('SELECT warden.fill_owner()') IS NOT NULL, 'a trigger function called by hand');
SELECT t.ok(t.error('SELECT warden.keep_owner()') IS NOT NULL, 'another');
SELECT t.refused('SELECT warden.after_ddl()', '42501', 'an event trigger''s function called by hand');
SELECT t.succeeds('LOCK TABLE documents IN ROW EXCLUSIVE MODE', 'LOCK shows nothing');
SELECT t.succeeds('DROP OWNED BY CURRENT_USER', 'DROP OWNED drops what is the client''s own');
COMMIT;

-- What cascades reach through other tables: triggers there would fire in the middle of what the owner does.
\connect - owner
CREATE TABLE marks (id int PRIMARY KEY REFERENCES documents ON DELETE CASCADE);
CREATE TABLE labels (id int PRIMARY KEY);
GRANT ALL ON marks, labels TO gateway;
\connect - gateway
SELECT t.refused('CREATE TABLE spying (id int REFERENCES marks ON DELETE CASCADE)', '42501', 'a foreign key that a cascade reaches', 'cannot refer to protected table .*documents');
SELECT t.succeeds('CREATE TABLE noting (id int REFERENCES marks)', 'one that refuses to cascade');
SELECT t.succeeds('CREATE TABLE waiting (id int REFERENCES labels ON UPDATE CASCADE)', 'one to a table that nothing protected cascades to');
\connect - owner
SELECT t.refused('ALTER TABLE labels ADD FOREIGN KEY (id) REFERENCES documents ON UPDATE CASCADE', '42501', 'then nothing protected does so later', 'cannot refer');
SELECT t.succeeds('ALTER TABLE labels ADD FOREIGN KEY (id) REFERENCES documents', 'but without an action it may refer');
CREATE TABLE papers (id int PRIMARY KEY, user_id uuid);
CREATE TABLE stamps (id int PRIMARY KEY REFERENCES papers ON DELETE CASCADE);
GRANT ALL ON stamps TO gateway;
\connect - gateway
CREATE TABLE below (id int REFERENCES stamps ON DELETE CASCADE);
\connect - owner
SELECT t.refused($$ SELECT warden.protect('papers') $$, '55000', 'nor is a table protected whose cascades reach a client''s', 'below');
DROP TABLE marks, labels, papers, stamps CASCADE;
\connect - gateway
DROP TABLE noting, waiting, below;

-- COPY, as a statement of its own.
\connect - owner
GRANT SELECT, INSERT, TRUNCATE ON documents TO gateway;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
\copy documents TO 'attack_d01_commands.out'
COMMIT;
\set rows `cat attack_d01_commands.out; rm attack_d01_commands.out`
SELECT t.matches(:'rows', '^1\taaaaaaaa-[-0-9a-f]*\ta$', 'COPY TO shows her rows only');
\set ON_ERROR_STOP off
BEGIN;
SELECT warden.set_current_user(:alice);
COPY documents FROM STDIN;
3	bbbbbbbb-0000-4000-8000-000000000002	x
\.
\set state :SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP on
SELECT t.is(:'state', '0A000', 'COPY FROM is refused');
\connect - postgres
SELECT t.is(string_agg(id || body, ' ' ORDER BY id), '1a 2b', 'everything is as it was') FROM documents;
SELECT t.ok(intact, 'and protected') FROM warden.protected_tables;
SELECT t.succeeds('TRUNCATE documents', 'a superuser truncates');
SELECT t.done();
