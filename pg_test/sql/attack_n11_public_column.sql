-- N11, R6: public_column lets everybody read exactly the rows where it is true, and write none of them.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;

\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, is_public boolean, title text UNIQUE);
INSERT INTO documents VALUES (1, :alice, true, 'alice open'), (2, :alice, false, 'alice own'), (3, :alice, NULL, 'alice undecided'), (4, :bob, true, 'bob open'), (5, :bob, false, 'bob own');
CREATE TABLE source (id int, title text);
INSERT INTO source VALUES (1, 'merged'), (2, 'merged too');
CREATE TABLE parted (id int, user_id uuid, is_public boolean) PARTITION BY LIST (id);
CREATE TABLE parted_1 (is_public boolean, gone int, id int, user_id uuid);
ALTER TABLE parted_1 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_1 DEFAULT;
INSERT INTO parted VALUES (1, :alice, true), (2, :alice, false);
CREATE TABLE tenants (id int, user_id uuid, tenant uuid, is_public boolean);
INSERT INTO tenants VALUES (1, :alice, :alice, true), (2, :alice, :bob, true);
CREATE TABLE odd (id int, user_id uuid, is_public text);
CREATE VIEW as_caller WITH (security_invoker) AS SELECT * FROM documents;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app, gateway;

SELECT t.refused($$ SELECT warden.protect('odd', public_column => 'is_public') $$, '22023', 'refused: no boolean', 'public.odd: a public column of type text');
SELECT t.refused($$ SELECT warden.protect('odd', public_column => 'nosuch') $$, '22023', 'refused: no such column', 'nosuch');
SELECT count(*) FROM warden.protect('documents', public_column => 'is_public');
SELECT count(*) FROM warden.protect('parted', public_column => 'is_public');
SELECT count(*) FROM warden.protect('tenants', tenant_column => 'tenant', public_column => 'is_public');
SELECT t.rows($$ SELECT * FROM warden.protect('documents', public_column => 'is_public') $$, 0, 'protected once');
SELECT t.is(string_agg(relation || ' ' || public_column || ' ' || intact, ', ' ORDER BY relation::text),
    'documents is_public true, parted is_public true, parted_1 is_public true, tenants is_public true', 'listed, and intact') FROM warden.protected_tables;
SELECT t.refused($$ SELECT warden.protect('documents') $$, '55000', 'to take it back is said openly', 'protected by other columns');

-- Nobody, and somebody else.
\connect - app
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob open', 'nobody reads what is public, NULL is not') FROM documents;
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob open', 'through a view of its own rights, too') FROM as_caller;
SELECT t.is(string_agg(id::text, ', ' ORDER BY id), '1', 'in a partitioned table') FROM parted;
SELECT t.is(string_agg(id::text, ', ' ORDER BY id), '1', 'and in its partition') FROM parted_1;
SELECT t.is(count(*), 0, 'without a tenant nothing of any tenant') FROM tenants;
SELECT t.rows('UPDATE documents SET title = title', 0, 'nobody changes nothing');
SELECT t.rows('DELETE FROM documents', 0, 'nor deletes');
SELECT t.refused(format('INSERT INTO documents VALUES (9, %L, true, %L)', :bob, 'a gift'), '42501', 'a public row for another is refused');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob open, bob own', 'bob reads his own and what is public') FROM documents;
SELECT t.rows('SELECT * FROM documents WHERE id IN (2, 3)', 0, 'not what is alice''s own');
SELECT t.rows($$ UPDATE documents SET title = 'stolen' WHERE id = 1 $$, 0, 'a public row is not changed by others');
SELECT t.rows($$ UPDATE documents SET title = title || '!' $$, 2, 'an UPDATE without WHERE reaches his own alone');
SELECT t.rows($$ UPDATE documents SET user_id = warden.current_user_id() WHERE id = 1 $$, 0, 'not taken');
SELECT t.rows($$ UPDATE documents SET is_public = false WHERE id = 1 $$, 0, 'not hidden');
SELECT t.rows($$ UPDATE documents SET title = 'x' WHERE id = 1 RETURNING * $$, 0, 'RETURNING changes nothing about it');
SELECT t.rows($$ UPDATE documents d SET title = 'x' FROM documents o WHERE o.is_public AND d.id = o.id AND d.id = 1 $$, 0, 'nor does a join with itself');
SELECT t.rows('DELETE FROM documents WHERE id = 1', 0, 'not deleted');
SELECT t.rows('SELECT * FROM documents WHERE id = 1 FOR UPDATE', 0, 'not locked');
SELECT t.rows('SELECT * FROM documents WHERE id = 1 FOR KEY SHARE', 0, 'not in the weakest way');
SELECT t.rows('SELECT * FROM documents WHERE id = 4 FOR UPDATE', 1, 'as his own is');
SELECT t.refused($$ INSERT INTO documents VALUES (1, NULL, true, 'x') ON CONFLICT (id) DO UPDATE SET title = 'x' $$, '42501', 'ON CONFLICT does not change it');
SELECT t.rows($$ INSERT INTO documents VALUES (4, NULL, true, 'x') ON CONFLICT (id) DO UPDATE SET title = 'bob open!!' $$, 1, 'it changes his own');
SELECT t.refused($$ MERGE INTO documents d USING source s ON d.id = s.id WHEN MATCHED THEN UPDATE SET title = s.title $$, '42501', 'MERGE does not update it');
SELECT t.refused($$ MERGE INTO documents d USING source s ON d.id = s.id WHEN MATCHED THEN DELETE $$, '42501', 'nor delete');
SELECT t.rows('UPDATE as_caller SET title = NULL WHERE id = 1', 0, 'a view is no way to it');
SELECT t.rows('UPDATE parted SET id = 3 WHERE id = 1', 0, 'nor a partitioned table');
SELECT t.rows('DELETE FROM parted_1', 0, 'nor a partition');
SELECT t.refused($$ INSERT INTO documents (id, user_id, is_public) VALUES (9, 'aaaaaaaa-0000-4000-8000-000000000001', true) $$, '42501', 'a public row in alice''s name is refused');
SELECT t.rows($$ INSERT INTO documents (id, is_public) VALUES (9, true) RETURNING user_id $$, 1, 'in his own it is not');
SELECT t.rows('UPDATE documents SET is_public = NOT is_public WHERE id IN (4, 5)', 2, 'the owner decides what is public');
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob open!!, bob own!', 'and goes on seeing his own') FROM documents WHERE id < 9;
COMMIT;
BEGIN;
SELECT warden.set_current_user(:alice, :bob);
SELECT t.is(string_agg(id::text, ','), '2', 'public within the tenant only') FROM tenants;
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob, :alice);
SELECT t.is(string_agg(id::text, ','), '1', 'for another user of that tenant, too') FROM tenants;
SELECT t.rows('DELETE FROM tenants', 0, 'who does not write it');
COMMIT;
\connect - app
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob own!', 'bob''s decision holds') FROM documents WHERE id < 9;

-- A leaky condition is asked about public rows and one's own only.
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', $1; IF $1 LIKE '%undecided' THEN RAISE EXCEPTION 'leaked'; END IF; RETURN true; END $$;
SET client_min_messages = warning;
SELECT t.succeeds('SELECT * FROM documents WHERE pg_temp.leak(title)', 'a leaky function does not see the others');
SET warden.missing_identity = error;
SELECT t.refused('SELECT * FROM documents', '28000', 'where nobody is an error, public rows are no exception');

-- The owner goes on, the column may be renamed, a partition that leaves stays as it was.
\connect - owner
ALTER TABLE documents RENAME COLUMN is_public TO published;
ALTER TABLE parted DETACH PARTITION parted_1;
SELECT t.refused('ALTER TABLE documents DROP COLUMN published CASCADE', '55000', 'the column cannot be dropped', 'weaken');
SELECT t.is(string_agg(relation || ' ' || public_column || ' ' || intact, ', ' ORDER BY relation::text),
    'documents published true, parted is_public true, parted_1 is_public true, tenants is_public true', 'all follows') FROM warden.protected_tables;
\connect - app
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice open, bob own!', 'under the new name') FROM documents WHERE id < 9;
SELECT t.is(string_agg(id::text, ', ' ORDER BY id), '1', 'alone') FROM parted_1;
\connect - owner
SELECT count(*) FROM warden.unprotect('documents');
SELECT t.is(count(*), 0, 'and is undone') FROM pg_policy WHERE polrelid = 'documents'::regclass;
SELECT t.done();
