-- D10: what weakens a protected table is refused, also to its owner and to superusers; what does not, is not.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
CREATE ROLE attack_d10_group;
GRANT attack_d10_group TO app;
GRANT attack_d10_group TO owner;
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO owner;
GRANT CREATE ON SCHEMA public TO attack_d10_group;

CREATE FUNCTION t.weakening() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT t.refused(statement, '55000', statement) FROM unnest(ARRAY[
        'ALTER TABLE documents DISABLE ROW LEVEL SECURITY',
        'ALTER TABLE documents NO FORCE ROW LEVEL SECURITY',
        'ALTER TABLE documents ADD COLUMN x int, DISABLE ROW LEVEL SECURITY',
        'CREATE POLICY open ON documents USING (true)',
        'CREATE POLICY narrow ON documents AS RESTRICTIVE USING (true)',
        'CREATE POLICY open ON documents FOR SELECT TO app USING (true)',
        'ALTER POLICY warden_select ON documents USING (true)',
        'ALTER POLICY warden_insert ON documents WITH CHECK (true)',
        'ALTER POLICY warden_update ON documents TO app',
        'ALTER POLICY warden_select ON documents RENAME TO other',
        'DROP POLICY warden_select ON documents',
        'DROP POLICY warden_select ON messages',
        'ALTER TABLE documents DISABLE TRIGGER _warden_keep',
        'ALTER TABLE documents DISABLE TRIGGER USER',
        'ALTER TABLE documents ENABLE REPLICA TRIGGER _warden_truncate',
        'DROP TRIGGER _warden_truncate ON documents',
        'DROP TRIGGER _warden_fill ON documents',
        'ALTER TRIGGER _warden_keep ON documents RENAME TO other',
        'ALTER TABLE documents DROP COLUMN user_id CASCADE',
        'ALTER TABLE documents OWNER TO attack_d10_group',
        'CREATE OR REPLACE TRIGGER _warden_keep AFTER UPDATE ON documents FOR EACH ROW WHEN (false) EXECUTE FUNCTION warden.keep_owner()',
        'DROP TABLE documents CASCADE',
        'ALTER TABLE messages DROP COLUMN document_id CASCADE'
    ]) statement
$$;

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, body text);
CREATE TABLE messages (id int PRIMARY KEY, document_id int REFERENCES documents, body text);
CREATE TABLE plain (id int PRIMARY KEY, user_id uuid);
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('messages', NULL, parent_column => 'document_id');

SELECT t.weakening();
SELECT t.matches(t.error('ALTER TABLE documents DISABLE ROW LEVEL SECURITY') ->> 'hint', 'warden.unprotect\(', 'with the way out as hint');
SELECT t.is(t.error('ALTER TABLE documents DROP COLUMN user_id') ->> 'sqlstate', '2BP01', 'the owner column cannot be dropped by itself');
SELECT t.is(t.error('ALTER TABLE documents ALTER COLUMN user_id TYPE text') ->> 'sqlstate', '0A000', 'nor change its type');
\connect - postgres
SELECT t.weakening();
SELECT t.refused('ALTER TABLE documents DISABLE TRIGGER ALL', '55000', 'ALTER TABLE documents DISABLE TRIGGER ALL');
SELECT t.is(count(*), 2, 'both are intact') FROM warden.protected_tables WHERE intact;

-- What other work does.
\connect - owner
SELECT t.succeeds(statement, statement) FROM unnest(ARRAY[
    'ALTER TABLE documents ADD COLUMN more int DEFAULT 1',
    'ALTER TABLE documents ALTER COLUMN body TYPE varchar(99)',
    'ALTER TABLE documents DROP COLUMN more',
    'ALTER TABLE documents ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE documents ADD CONSTRAINT short CHECK (length(body) < 99)',
    'CREATE INDEX ON documents (body)',
    'ALTER TABLE documents ALTER COLUMN user_id DROP DEFAULT',
    'ALTER TABLE documents ALTER COLUMN user_id DROP NOT NULL',
    'DROP INDEX documents_user_id_idx',
    'CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''',
    'CREATE TRIGGER note BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION note()',
    'ALTER TABLE documents DISABLE TRIGGER note',
    'DROP TRIGGER note ON documents',
    'ALTER TABLE documents RENAME COLUMN body TO words',
    'ALTER TABLE documents RENAME TO papers',
    'ALTER TABLE papers RENAME COLUMN user_id TO author',
    'ALTER TABLE papers RENAME COLUMN words TO user_id',
    'ALTER TABLE messages RENAME COLUMN document_id TO paper_id',
    'CREATE SCHEMA archive',
    'ALTER TABLE papers SET SCHEMA archive',
    'ALTER SCHEMA archive RENAME TO library',
    'ALTER TABLE library.papers OWNER TO CURRENT_USER',
    'CREATE TABLE copied (LIKE library.papers INCLUDING ALL)',
    'ALTER TABLE plain ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY open ON plain USING (true)',
    'DROP POLICY open ON plain',
    'ALTER TABLE plain DISABLE ROW LEVEL SECURITY',
    'CREATE TEMP TABLE passing (user_id uuid)',
    'ALTER TABLE passing ENABLE ROW LEVEL SECURITY',
    'DROP TABLE passing'
]) statement;
SELECT t.is(string_agg(relation || ' ' || coalesce(owner_column, parent_column) || ' ' || intact, ', ' ORDER BY relation::text),
    'library.papers author true, messages paper_id true', 'renamed tables, schemas and columns stay protected') FROM warden.protected_tables;
SELECT t.is(string_agg(sql, ' ' ORDER BY step), 'ALTER TABLE ONLY library.papers ALTER COLUMN author SET DEFAULT warden.current_user_id() '
    || 'ALTER TABLE library.papers ALTER COLUMN author SET NOT NULL CREATE INDEX papers_author_idx ON library.papers (author)',
    'and protect() mends what was no guard') FROM warden.protect('library.papers', 'author');
GRANT USAGE ON SCHEMA library TO gateway;
GRANT ALL ON library.papers, messages TO gateway;
SELECT t.refused('DROP SCHEMA library CASCADE', '55000', 'a parent is not dropped from under its protected child');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
INSERT INTO library.papers VALUES (1, NULL, 'mine');
INSERT INTO messages VALUES (1, 1);
SELECT t.is(author::text, :alice, 'the renamed owner is filled') FROM library.papers;
SELECT t.is(count(*), 1, 'the child follows its renamed parent') FROM messages;
SELECT t.refused(format('UPDATE library.papers SET author = %L', :bob), '42501', 'the guard watches the renamed column');
COMMIT;

-- Everything of the owner's, and the record of it.
\connect - owner
SELECT t.succeeds('DROP TABLE messages', 'a protected table may be dropped');
SELECT t.succeeds('DROP OWNED BY CURRENT_USER', 'DROP OWNED drops protected tables');
\connect - postgres
SELECT t.is(count(*), 0, 'they are forgotten') FROM warden.protections;
SELECT t.is(count(*), 2, 'and recorded') FROM warden.audit_log WHERE action = 'protection_dropped';
DROP OWNED BY attack_d10_group;
DROP ROLE attack_d10_group;
SELECT t.done();
