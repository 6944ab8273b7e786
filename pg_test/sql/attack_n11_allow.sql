-- N11: allow() lets through exactly what it was told, for that command alone, and disallow() takes it back.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
GRANT CREATE ON SCHEMA public TO app;

\connect - app
CREATE FUNCTION of_the_client(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
\connect - owner
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, status varchar(20), title text, tags text[], "Odd Name" int);
INSERT INTO documents VALUES (1, :alice, 'template', 'alice template'), (2, :alice, 'draft', 'alice draft'), (3, :bob, 'template', 'bob template'), (4, :bob, 'draft', 'bob draft'), (5, :alice, 'wiki', 'alice wiki'), (6, :alice, NULL, 'alice null');
CREATE TABLE tenants (id int, user_id uuid, tenant uuid, status text);
INSERT INTO tenants VALUES (1, :alice, :alice, 'template'), (2, :alice, :bob, 'template');
CREATE TABLE parted (id int, user_id uuid, status text) PARTITION BY LIST (id);
CREATE TABLE parted_1 (status text, gone int, id int, user_id uuid);
ALTER TABLE parted_1 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1, 2);
INSERT INTO parted VALUES (1, :alice, 'template'), (2, :alice, 'draft');
CREATE TABLE messages (id int PRIMARY KEY, document_id int REFERENCES documents);
INSERT INTO messages VALUES (1, 1), (2, 2);
CREATE TABLE plain (id int, user_id uuid);
CREATE FUNCTION is_template(text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT $1 = 'template' $$;
CREATE FUNCTION changing(text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT true $$;
CREATE VIEW as_caller WITH (security_invoker) AS SELECT * FROM documents;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app, gateway;
SELECT count(*) FROM warden.protect('documents');
SELECT count(*) FROM warden.protect('tenants', tenant_column => 'tenant');
SELECT count(*) FROM warden.protect('parted');
SELECT count(*) FROM warden.protect('messages', owner_column => NULL, parent_column => 'document_id');

-- Who, and what.
\connect - app
SELECT t.refused($$ SELECT warden.allow('documents', 'SELECT', 'true', 'mine') $$, '42501', 'a client allows nothing', 'must be owner');
SELECT t.refused($$ SELECT warden.disallow('documents', 'SELECT') $$, '42501', 'nor does it disallow', 'must be owner');
SELECT t.refused($$ INSERT INTO warden.allowances (relation, command, predicate, reason, allowed_by) VALUES ('documents', 'SELECT', 'true', 'x', 'x') $$, '42501', 'nor does it write the list');
\connect - owner
SELECT t.refused(format('SELECT warden.allow(%L, %L, %L, %L)', relation, command, predicate, reason), state, name, pattern)
FROM (VALUES
    ('documents', 'SELECT', 'true', '', '22023', 'no reason', 'reason'),
    ('documents', 'ALL', 'true', 'x', '22023', 'all commands at once', 'command'),
    ('documents', NULL, 'true', 'x', '22023', 'no command', 'command'),
    ('documents', 'SELECT', '', 'x', '22023', 'no predicate', 'between 1 and'),
    ('documents', 'SELECT', NULL, 'x', '22023', 'NULL as predicate', 'between 1 and'),
    ('documents', 'SELECT', repeat('x', 2001), 'x', '22023', 'a very long one', 'between 1 and'),
    ('plain', 'SELECT', 'true', 'x', '55000', 'a table that is not protected', 'not protected'),
    ('parted_1', 'SELECT', 'true', 'x', '55000', 'a partition', 'part of another'),
    ('documents', 'SELECT', 'true) OR (true', 'x', '42601', 'parentheses that close ours', 'syntax error'),
    ('documents', 'SELECT', 'true) WITH CHECK (true', 'x', '42601', 'another clause of the policy', 'syntax error'),
    ('documents', 'SELECT', 'true); DROP TABLE documents; SELECT (true', 'x', '42601', 'another statement in ours', 'syntax error'),
    ('documents', 'SELECT', 'true; DROP TABLE documents', 'x', '22023', 'two statements', 'one expression'),
    ('documents', 'SELECT', 'true FROM documents', 'x', '42601', 'a FROM', 'syntax error'),
    ('documents', 'SELECT', 'true, true', 'x', '42601', 'two expressions', 'syntax error'),
    ('documents', 'SELECT', 'true AS x', 'x', '42601', 'a name', 'syntax error'),
    ('documents', 'SELECT', '*', 'x', '42601', 'a star', 'syntax error'),
    ('documents', 'SELECT', 'true /*', 'x', '42601', 'an open comment', 'unterminated'),
    ('documents', 'SELECT', 'title = ''x', 'x', '42601', 'an open string', 'unterminated'),
    ('documents', 'SELECT', 'id', 'x', '42804', 'no condition', 'boolean'),
    ('documents', 'SELECT', 'nosuch', 'x', '42703', 'no such column', 'nosuch'),
    ('documents', 'SELECT', '$1', 'x', '42P02', 'a parameter', 'parameter'),
    ('documents', 'SELECT', 'count(*) > 0', 'x', '42803', 'an aggregate', 'aggregate'),
    ('documents', 'SELECT', 'EXISTS (SELECT FROM public.plain)', 'x', '22023', 'a sub-select', 'sub-select'),
    ('documents', 'SELECT', 'id = ANY (ARRAY(SELECT 1))', 'x', '22023', 'a hidden one', 'sub-select'),
    ('documents', 'SELECT', 'random() < 0.5', 'x', '22023', 'a volatile function', 'volatile'),
    ('documents', 'SELECT', 'public.changing(title)', 'x', '22023', 'one of the project''s own', 'volatile'),
    ('documents', 'SELECT', 'public.of_the_client(title)', 'x', '22023', 'a function that a client can replace', 'client role could replace'),
    ('documents', 'SELECT', 'documents IS NOT NULL', 'x', '22023', 'the whole row', 'columns'),
    ('documents', 'SELECT', 'is_template(title)', 'x', '42883', 'a name without its schema', 'does not exist')
) AS v (relation, command, predicate, reason, state, name, pattern);
SELECT t.is(count(*), 0, 'nothing of it is left') FROM pg_policy WHERE polname = 'warden_probe';
SELECT t.is(string_agg(relation::text, ' '), NULL, 'nothing is allowed') FROM warden.protected_tables WHERE allowances IS NOT NULL OR NOT intact;

-- Reading.
SELECT t.is(warden.allow('documents', 'select', 'status = ''template''  -- a comment', 'templates are for all'), '((status)::text = ''template''::text)', 'it answers what Postgres prints');
SELECT t.is(warden.allow('documents', 'SELECT', '((status)::text = ''template''::text)', 'templates are for everybody'), '((status)::text = ''template''::text)', 'told again it is the same');
SELECT t.is(allowances, '[{"command": "SELECT", "predicate": "((status)::text = ''template''::text)", "reason": "templates are for everybody"}]', 'it is listed')
FROM warden.protected_tables WHERE relation = 'documents'::regclass AND intact;
SELECT warden.allow('tenants', 'SELECT', 'status = ''template''', 'templates of the tenant');
SELECT warden.allow('parted', 'SELECT', 'status = ''template''', 'templates');
SELECT t.rows($$ SELECT * FROM warden.protect('documents') $$, 0, 'protect() keeps it');
\connect - app
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice template, bob template', 'nobody reads the templates') FROM documents;
SELECT t.is(string_agg(id::text, ' '), '1', 'in a partition with columns in another order, too') FROM parted_1;
SELECT t.is(count(*), 0, 'without a tenant nothing of any tenant') FROM tenants;
SELECT t.rows('DELETE FROM documents', 0, 'nobody deletes');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob, :bob);
SELECT t.is(string_agg(title, ', ' ORDER BY id), 'alice template, bob template, bob draft', 'bob reads them and his own') FROM documents;
SELECT t.is(string_agg(id::text, ' '), '2', 'of his tenant') FROM tenants;
SELECT t.rows('UPDATE documents SET title = NULL WHERE id = 1', 0, 'he changes no template of alice''s');
SELECT t.rows('UPDATE documents SET title = title', 2, 'without WHERE his own alone');
SELECT t.rows('DELETE FROM documents WHERE id = 1', 0, 'deletes none');
SELECT t.rows('UPDATE documents SET user_id = warden.current_user_id() WHERE id = 1', 0, 'takes none');
SELECT t.rows('SELECT * FROM documents WHERE id = 1 FOR UPDATE', 0, 'locks none');
SELECT t.refused($$ INSERT INTO documents VALUES (1) ON CONFLICT (id) DO UPDATE SET title = 'x' $$, '42501', 'nor by ON CONFLICT');
SELECT t.refused('MERGE INTO documents d USING (VALUES (1)) AS s (id) ON d.id = s.id WHEN MATCHED THEN DELETE', '42501', 'nor by MERGE');
SELECT t.rows('UPDATE as_caller SET title = NULL WHERE id = 1', 0, 'nor by a view');
SELECT t.refused($$ INSERT INTO documents VALUES (9, 'aaaaaaaa-0000-4000-8000-000000000001', 'template') $$, '42501', 'a template in alice''s name is refused');
SELECT t.refused('INSERT INTO messages VALUES (9, 1)', '42501', 'what belongs to a template is alice''s to write');
SELECT t.is(string_agg(id::text, ' '), '1', 'and everybody''s to read') FROM messages;
COMMIT;

-- Changing: exactly what may be read and changed, and what it becomes has to be so still.
\connect - owner
SELECT warden.allow('documents', 'SELECT', 'status = ''wiki''', 'the wiki');
SELECT warden.allow('documents', 'UPDATE', 'status = ''wiki''', 'everybody writes the wiki');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.rows($$ UPDATE documents SET title = 'bob was here' WHERE id = 5 $$, 1, 'bob writes alice''s wiki');
SELECT t.rows($$ UPDATE documents SET title = 'x' RETURNING id $$, 3, 'without WHERE that and his own');
SELECT t.refused($$ UPDATE documents SET status = 'draft' WHERE id = 5 $$, '42501', 'he does not take it out of the wiki');
SELECT t.refused($$ UPDATE documents SET user_id = warden.current_user_id() WHERE id = 5 $$, '42501', 'he does not take it', 'does not change');
SELECT t.refused($$ UPDATE documents SET user_id = warden.current_user_id(), status = 'draft' WHERE id = 5 $$, '42501', 'in no way', 'does not change');
SELECT t.refused(format('UPDATE documents SET user_id = %L, status = ''wiki'' WHERE id = 4', :alice), '42501', 'he gives nothing away to it', 'does not change');
SELECT t.rows('DELETE FROM documents WHERE id = 5', 0, 'he does not delete it');
SELECT t.rows('UPDATE documents SET title = NULL WHERE id IN (1, 2, 6)', 0, 'nor change what is not of the wiki');
COMMIT;

-- Inserting and deleting.
\connect - owner
SELECT warden.allow('documents', 'INSERT', 'status = ''inbox''', 'everybody may put something in');
SELECT warden.allow('documents', 'DELETE', 'public.is_template(status)', 'everybody clears templates');
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.rows(format('INSERT INTO documents VALUES (10, %L, ''inbox'')', :alice), 1, 'bob puts something into alice''s inbox');
SELECT t.refused(format('INSERT INTO documents VALUES (11, %L, ''draft'')', :alice), '42501', 'nothing else of hers');
SELECT t.refused(format('INSERT INTO documents VALUES (11, %L, ''inbox'') RETURNING id', :alice), '42501', 'he does not read it back');
SELECT t.rows('SELECT * FROM documents WHERE id = 10', 0, 'nor later');
SELECT t.rows('DELETE FROM documents WHERE id IN (2, 3, 5, 6)', 1, 'he deletes a template, nothing else');
COMMIT;

-- Following, renaming, leaving.
\connect - owner
SELECT t.refused('ALTER TABLE documents RENAME COLUMN status TO state', '55000', 'a column that is named there is not renamed', 'warden.allow\(\) was told of public.documents names this column');
SELECT t.succeeds('ALTER TABLE documents RENAME COLUMN title TO headline', 'another one is');
SELECT t.refused('ALTER TABLE documents DROP COLUMN status CASCADE', '55000', 'nor dropped', 'weaken');
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES IN (3);
ALTER TABLE parted DETACH PARTITION parted_1;
SELECT t.is(string_agg(relation || ' ' || intact || ' ' || jsonb_array_length(allowances), ', ' ORDER BY relation::text),
    'documents true 5, parted true 1, parted_1 true 1, parted_3 true 1, tenants true 1', 'partitions that come and go take it along') FROM warden.protected_tables WHERE allowances IS NOT NULL;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1, 2);
SELECT t.is(warden.disallow('parted', 'SELECT'), 1, 'taken back of all');
SELECT t.is(string_agg(relation || ' ' || intact, ', ' ORDER BY relation::text), 'parted true, parted_1 true, parted_3 true', 'with every partition')
FROM warden.protected_tables WHERE relation::text LIKE 'parted%' AND allowances IS NULL;
\connect - app
SELECT t.rows('SELECT * FROM parted_1', 0, 'nobody reads it any more');

\connect - owner
SELECT t.is(warden.disallow('documents', 'UPDATE', 'status = ''wiki'''), 1, 'by the words it was given in');
SELECT t.is(warden.disallow('documents', 'UPDATE', 'status = ''wiki'''), 0, 'once');
SELECT t.is(warden.disallow('documents', 'SELECT', '((status)::text = ''template''::text)'), 1, 'by the words it is listed in');
ALTER FUNCTION is_template(text) RENAME TO was_template;
SELECT t.is(intact, false, 'a function of another name is noticed') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
SELECT t.is(warden.disallow('documents', 'DELETE', 'public.is_template((status)::text)'), 1, 'and can be taken back all the same');
SELECT t.is(warden.disallow('documents', 'INSERT'), 1, 'or all of a command');
SELECT t.is(allowances, '[{"command": "SELECT", "predicate": "((status)::text = ''wiki''::text)", "reason": "the wiki"}]', 'one is left')
FROM warden.protected_tables WHERE relation = 'documents'::regclass AND intact;
SELECT count(*) FROM warden.unprotect('messages');
SELECT count(*) FROM warden.unprotect('documents');
SELECT count(*) FROM warden.protect('documents');
SELECT t.is(allowances, NULL, 'unprotect() forgets what was left') FROM warden.protected_tables WHERE relation = 'documents'::regclass;
DROP TABLE tenants;
\connect - postgres
SELECT t.is(count(*), 0, 'so does DROP TABLE') FROM warden.allowances;
SELECT t.is(string_agg(action || ' ' || object || ' ' || (detail->>'command'), ', ' ORDER BY id),
    'allow public.documents SELECT, allow public.documents SELECT, allow public.tenants SELECT, allow public.parted SELECT, allow public.documents SELECT, '
    || 'allow public.documents UPDATE, allow public.documents INSERT, allow public.documents DELETE, disallow public.parted SELECT, '
    || 'disallow public.documents UPDATE, disallow public.documents SELECT, disallow public.documents DELETE, disallow public.documents INSERT', 'all of it is recorded')
FROM warden.audit_log WHERE action LIKE '%allow';
SELECT t.done();
