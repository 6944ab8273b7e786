-- D11, N8: the owner's own work under FORCE ROW LEVEL SECURITY, which is silently wrong without a door (a key validated
-- over dangling rows, a backfill of no rows, an empty materialized view, all without an error): refused outside of
-- begin_admin(), right inside of it, and recorded.
\i `lib/tokens`
SELECT warden.add_client_role('app'), warden.trust_issuer(:'issuer', :'jwks', '{api}'),
    warden.create_user(id => :'alice'), warden.create_user(id => :'bob'), warden.create_user(id => :'mallory');

\connect - owner
CREATE TABLE folders (id int PRIMARY KEY, user_id uuid, name text);
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, folder_id int, title text, length int);
INSERT INTO folders VALUES (1, :'alice', 'mine'), (2, :'bob', 'his');
INSERT INTO documents VALUES (1, :'alice', 1, 'alice 1', NULL), (2, :'alice', 1, 'alice 2', NULL), (3, :'bob', 2, 'bob 1', NULL),
    (4, :'bob', 99, 'dangling', NULL);
CREATE MATERIALIZED VIEW counts AS SELECT user_id, count(*) FROM documents GROUP BY user_id;
SELECT warden.protect('folders'), warden.protect('documents');
GRANT SELECT, INSERT, UPDATE, DELETE ON folders, documents TO app;

SELECT t.ok(NOT r.rolsuper AND NOT r.rolbypassrls AND row_security_active('documents'), 'the owner is an ordinary role, whom FORCE binds')
FROM pg_roles r WHERE r.rolname = current_user;

-- What the owner does in its work, with what makes it right.
CREATE TABLE work (name text, statement text, then_ok text);
INSERT INTO work VALUES
    ('a report', 'SELECT count(*) FROM documents', $$(SELECT count(*) = 4 FROM documents)$$),
    ('a backfill', 'UPDATE documents SET length = length(title)', $$(SELECT count(*) = 4 FROM documents WHERE length > 0)$$),
    ('a backfill of a copy', 'CREATE TABLE copy AS SELECT * FROM documents', $$(SELECT count(*) = 4 FROM copy)$$),
    ('a clean-up', 'DELETE FROM documents WHERE title = ''bob 1''', $$(SELECT count(*) = 3 FROM documents)$$),
    ('a row for somebody', format('INSERT INTO documents VALUES (9, %L, 1, ''from the import'')', :'bob'), $$(SELECT count(*) = 5 FROM documents)$$),
    ('a new owner of rows', format('UPDATE documents SET user_id = %L WHERE id = 3', :'alice'), format($$(SELECT count(*) = 3 FROM documents WHERE user_id = %L)$$, :'alice')),
    ('a refresh', 'REFRESH MATERIALIZED VIEW counts', $$(SELECT sum(count) = 4 FROM counts)$$),
    ('a truncation', 'TRUNCATE documents', $$(SELECT count(*) = 0 FROM documents)$$),
    ('a lock of rows', 'SELECT FROM documents FOR UPDATE', $$true$$),
    ('a merge', 'MERGE INTO documents d USING folders f ON d.folder_id = f.id WHEN MATCHED THEN UPDATE SET length = 1', $$(SELECT count(*) = 3 FROM documents WHERE length = 1)$$);

SELECT t.refused(w.statement, '42501', w.name || ' is refused outside of the door') FROM work w;
SELECT t.matches(t.error('SELECT * FROM documents')->>'hint', 'warden.begin_admin', 'and the hint says how it is done');

-- Undone, so that each finds the same rows.
CREATE FUNCTION works(statement text, then_ok text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    right_ boolean;
BEGIN
    BEGIN
        EXECUTE statement;
        EXECUTE 'SELECT ' || then_ok INTO right_;
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        RETURN right_;
    END;
END $$;
BEGIN;
SELECT warden.begin_admin('the owner''s work');
SELECT t.ok(works(w.statement, w.then_ok), w.name || ' is right inside') FROM work w;
COMMIT;

-- Foreign keys: documents 4 refers to no folder.
\set add_key 'ALTER TABLE documents ADD CONSTRAINT folder_fk FOREIGN KEY (folder_id) REFERENCES folders'
SELECT t.refused(:'add_key', '42501', 'a key over dangling rows is refused outside');
ALTER TABLE documents ADD CONSTRAINT folder_fk FOREIGN KEY (folder_id) REFERENCES folders NOT VALID;
SELECT t.refused('ALTER TABLE documents VALIDATE CONSTRAINT folder_fk', '42501', 'and so is its validation');
BEGIN;
SELECT warden.begin_admin('validating');
SELECT t.refused('ALTER TABLE documents VALIDATE CONSTRAINT folder_fk', '23503', 'inside the dangling row is found');
DELETE FROM documents WHERE id = 4;
ALTER TABLE documents VALIDATE CONSTRAINT folder_fk;
COMMIT;
SELECT t.ok(convalidated, 'and without it the key is valid') FROM pg_constraint WHERE conname = 'folder_fk';

-- A new table that refers to a protected one.
CREATE TABLE pages (id int PRIMARY KEY, document_id int REFERENCES documents);
SELECT t.succeeds('INSERT INTO pages VALUES (1, 3)', 'a row of a table of its own may refer to any document');
SELECT t.refused('INSERT INTO pages VALUES (2, 4)', '23503', 'but to none that does not exist');

-- An empty table hides nothing from anybody.
CREATE TABLE drafts (id int, user_id uuid);
SELECT warden.protect('drafts');
SELECT t.rows('SELECT * FROM drafts', 0, 'where there is no row, none is missed');

-- The record: each opening, by whom and why, also of transactions that were rolled back.
BEGIN;
SELECT warden.begin_admin('undone');
ROLLBACK;
\connect - postgres
SELECT t.is(array_agg(detail->>'reason' ORDER BY id), ARRAY['the owner''s work', 'validating', 'undone'], 'every opening is recorded')
FROM warden.audit_log WHERE action = 'begin_admin' AND database_role = 'owner';
SELECT t.done();
