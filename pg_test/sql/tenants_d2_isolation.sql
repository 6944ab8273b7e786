-- D2: (tenant, user) in the same policy, and the tenant alone: members reach their tenant's rows, in the tenant that they act in.
\ir lib/tenants.sql
\connect - app
SELECT t.is(reached(), '; ', 'nobody reaches nothing');
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.is(reached(), 'Acme 1, Acme 2; alice in Acme', 'D2: the tenant''s pages, and her notes in it');
SELECT t.rows('INSERT INTO pages (id, body) VALUES (4, ''Acme 4'')', 1, 'a page is filled with the tenant');
SELECT t.rows('INSERT INTO pages VALUES (5, NULL, ''Acme 5'')', 1, 'also where NULL is sent');
SELECT t.rows('INSERT INTO notes VALUES (4, NULL, NULL, ''alice in Acme too'')', 1, 'and a note with both');
SELECT t.rows('UPDATE pages SET body = body || ''!'' WHERE id = 2', 1, 'she changes a page');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token', tenant_id => :'t1');
SELECT t.is(reached(), 'Acme 1, Acme 2!, Acme 4, Acme 5; bob in Acme', 'D2: another member has the same pages, and notes of his own');
SELECT t.rows('UPDATE pages SET body = ''Acme 4, by bob'' WHERE id = 4', 1, 'which he may change');
SELECT t.rows('DELETE FROM pages WHERE id = 5', 1, 'and delete');
SELECT t.is(string_agg(tenant_id::text, ' '), :'t1', 'filled with the tenant') FROM pages WHERE id = 4;
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(reached(), 'Bolt 3; bob in Bolt', 'D2: the same user in the other tenant');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(reached(), '; ', 'D2: and in none');
SELECT t.refused('INSERT INTO pages (id) VALUES (9)', '42501', 'where nothing is written');
SELECT t.refused('INSERT INTO notes (id) VALUES (9)', '42501', 'in neither');
COMMIT;

-- The declared rule: rows stay in the tenant in which they were written, whoever joins, leaves and comes back.
\connect - boss
SELECT warden.remove_member(:'t1', :'bob');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(reached(), 'Bolt 3; bob in Bolt', 'D2: who leaves a tenant takes nothing of it along');
COMMIT;
\connect - owner
BEGIN;
SELECT warden.begin_admin('who has left');
SELECT t.is(string_agg(body, ', '), 'bob in Acme', 'his rows stay there') FROM notes WHERE tenant_id = :'t1' AND user_id = :'bob';
COMMIT;
\connect - boss
SELECT warden.add_member(:'t1', :'mallory');
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token', tenant_id => :'t1');
SELECT t.is(reached(), 'Acme 1, Acme 2!, Acme 4, by bob; ', 'D2: who joins brings nothing, and has the tenant''s pages');
COMMIT;
\connect - boss
SELECT warden.add_member(:'t1', :'bob');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.is(reached(), 'Acme 1, Acme 2!, Acme 4, by bob; bob in Acme', 'D2: who comes back has his rows again');
COMMIT;

-- A row moves within begin_admin() alone, on the record.
\connect - owner
SELECT t.refused(format('UPDATE notes SET tenant_id = %L', :'t2'), '42501', 'not by the owner of the table either');
BEGIN;
SELECT warden.begin_admin('alice has changed tenants');
SELECT t.rows(format('UPDATE notes SET tenant_id = %L WHERE user_id = %L', :'t2', :'alice'), 2, 'but inside the door');
ROLLBACK;

-- What protect() makes of a tenant alone.
\connect - owner
SELECT t.is(string_agg(sql, E'\n' ORDER BY step), NULL, 'protected again: nothing to do') FROM warden.protect('pages', owner_column => NULL, tenant_column => 'tenant_id');
SELECT t.is(string_agg(DISTINCT qual, ' '), '(tenant_id = warden.current_tenant_id())', 'the plain comparison') FROM pg_policies
WHERE tablename = 'pages' AND policyname <> 'warden_admin';
SELECT t.is(string_agg(attname || ' ' || attnotnull || ' ' || pg_get_expr(adbin, adrelid), ', '), 'tenant_id true warden.current_tenant_id()', 'NOT NULL, and the default')
FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 'pages'::regclass;
SELECT t.is(pg_get_indexdef(indexrelid), 'CREATE INDEX pages_tenant_id_idx ON public.pages USING btree (tenant_id)', 'and an index') FROM pg_index WHERE indrelid = 'pages'::regclass;
CREATE TABLE shown (id int, tenant_id uuid, is_public boolean);
SELECT t.refused(call, state, 'refused: ' || call) FROM (VALUES
    ('SELECT warden.protect(''shown'', owner_column => NULL)', '22023'),
    ('SELECT warden.protect(''shown'', owner_column => NULL, tenant_column => ''id'')', '22023'),
    ('SELECT warden.protect(''shown'', owner_column => NULL, tenant_column => ''none'')', '22023'),
    ('SELECT warden.protect(''shown'', owner_column => NULL, tenant_column => ''tenant_id'', public_column => ''is_public'')', '22023'),
    ('SELECT warden.protect(''notes'', owner_column => NULL, tenant_column => ''tenant_id'')', '55000'),
    ('SELECT warden.allow(''pages'', ''SELECT'', ''id = 1'', ''why'')', '22023')) AS c (call, state);
INSERT INTO shown VALUES (1, NULL, false);
SELECT t.refused('SELECT warden.protect(''shown'', owner_column => NULL, tenant_column => ''tenant_id'')', '55000', 'rows of no tenant stand against it', 'have no tenant_id');
SELECT t.is(count(*) > 5, true, 'undone') FROM warden.unprotect('pages');
SELECT t.rows('SELECT * FROM pages', 4, 'as it was');
SELECT count(*) FROM warden.protect('pages', owner_column => NULL, tenant_column => 'tenant_id');

-- Children follow a parent that is a tenant's; partitions too.
CREATE TABLE sections (id int PRIMARY KEY, tenant_id uuid);
CREATE TABLE lines (id int, section_id int REFERENCES sections, tenant_id uuid);
CREATE TABLE parted (id int, tenant_id uuid) PARTITION BY LIST (tenant_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN ('7e000000-0000-4000-8000-000000000001');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN ('7e000000-0000-4000-8000-000000000002');
INSERT INTO sections VALUES (1, :'t1'), (2, :'t2');
INSERT INTO lines VALUES (1, 1, :'t1'), (2, 2, :'t2');
INSERT INTO parted VALUES (1, :'t1'), (2, :'t2');
GRANT SELECT, INSERT, UPDATE, DELETE ON sections, lines, parted, parted_1, parted_2 TO app;
SELECT count(*) FROM warden.protect('sections', owner_column => NULL, tenant_column => 'tenant_id');
SELECT count(*) FROM warden.protect('lines', owner_column => NULL, parent_column => 'section_id', tenant_column => 'tenant_id');
SELECT count(*) FROM warden.protect('parted', owner_column => NULL, tenant_column => 'tenant_id');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.is((SELECT string_agg(id::text, ' ') FROM lines) || ' ' || (SELECT string_agg(id::text, ' ') FROM parted), '1 1', 'of his tenant');
SELECT t.rows('SELECT * FROM parted_2', 0, 'nothing of the other one''s partition');
SELECT t.rows('INSERT INTO lines VALUES (3, 1)', 1, 'a line in his tenant''s section is filled with the tenant');
SELECT t.refused('INSERT INTO lines VALUES (4, 2)', '42501', 'none in the other one''s');
SELECT t.refused('UPDATE lines SET section_id = 2', '42501', 'nor moved there');
SELECT t.rows('INSERT INTO parted VALUES (3)', 1, 'the partition is found by the tenant that is filled in');
COMMIT;
\connect - postgres
SELECT t.ok(bool_and(intact), 'all intact') FROM warden.protected_tables;
SELECT t.is(string_agg("check", ', ') FILTER (WHERE NOT passed), NULL, 'prove() finds nothing: (tenant, user)') FROM warden.prove('notes');
SELECT t.ok(bool_and(passed), 'nor in another tenant') FROM warden.prove('notes') WHERE "check" = 'other_tenant';
SELECT t.refused(format('SELECT * FROM warden.prove(%L)', name), '55000', 'it has no users to try: ' || name, 'tenant''s') FROM (VALUES ('pages'), ('lines'), ('parted')) AS p (name);
SELECT t.done();
