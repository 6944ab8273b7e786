-- D, across tenants: whoever is admin of one tenant reaches no row of another, by no command, also where he is a member of both: not by
-- COPY (D1), MERGE (D3), functions that note what they are shown (D5), parallel plans (D7), what is below a row (D8), nor tables that
-- become part of another later (D10).
\ir lib/tenants.sql
SELECT warden.assign_role(:'alice', 'admin'), warden.assign_role(:'bob', 'owner');
-- bob is admin of both, and alice of hers: what they are there, and in the application, opens nothing here.
SELECT warden.add_member(:'t1', :'bob', '{admin}'), warden.add_member(:'t2', :'bob', '{owner}');
\connect - owner
ALTER TABLE pages ADD PRIMARY KEY (id);
ALTER TABLE notes ADD PRIMARY KEY (id);
CREATE TABLE replies (id int PRIMARY KEY, tenant_id uuid, user_id uuid, page_id int REFERENCES pages ON DELETE CASCADE, note_id int REFERENCES notes);
GRANT SELECT, INSERT, UPDATE, DELETE ON replies TO app;
SELECT count(*) FROM warden.protect('replies', tenant_column => 'tenant_id');
CREATE VIEW pages_view WITH (security_invoker = on) AS SELECT * FROM pages;
GRANT SELECT, UPDATE ON pages_view TO app;
\connect - app
-- What it is shown it notes.
CREATE TEMP TABLE noted (body text);
CREATE FUNCTION pg_temp.leak(body text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO pg_temp.noted VALUES (body); RETURN true; END $$;
SELECT t.ok(NOT rolsuper AND NOT rolbypassrls AND row_security_active('pages') AND row_security_active('notes'), 'the attacker is an ordinary login') FROM pg_roles WHERE rolname = current_user;
CREATE FUNCTION pg_temp.attack(name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    PERFORM warden.authenticate(public.token_of(name));
    FOREACH statement IN ARRAY ARRAY[
        'SELECT * FROM pages WHERE id = 3', 'SELECT * FROM pages WHERE tenant_id = ''7e000000-0000-4000-8000-000000000002''', 'SELECT * FROM ONLY pages WHERE id = 3',
        'SELECT * FROM pages WHERE id = 3 OR true OFFSET 2', 'SELECT * FROM pages_view WHERE id = 3', 'SELECT * FROM pages WHERE pg_temp.leak(body) AND id = 3',
        'SELECT * FROM notes WHERE pg_temp.leak(body) AND id = 3', 'UPDATE pages SET body = body WHERE pg_temp.leak(body) AND id = 3', 'DELETE FROM notes WHERE pg_temp.leak(body) AND id = 3',
        'UPDATE pages SET body = ''mine'' WHERE id = 3', 'UPDATE pages_view SET body = ''mine'' WHERE id = 3', 'DELETE FROM pages WHERE id = 3',
        'SELECT * FROM pages WHERE id = 3 FOR UPDATE', 'SELECT * FROM notes WHERE id = 3', 'UPDATE notes SET body = ''mine'' WHERE id = 3', 'DELETE FROM notes WHERE id = 3',
        'UPDATE notes SET user_id = warden.current_user_id() WHERE id = 3',
        'MERGE INTO pages p USING (VALUES (3)) AS v (id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET body = ''mine''',
        'MERGE INTO pages p USING (VALUES (3)) AS v (id) ON p.id = v.id WHEN MATCHED THEN DELETE',
        'MERGE INTO notes n USING pages p ON n.id = 3 AND p.id IN (1, 2, 3) WHEN MATCHED THEN UPDATE SET body = p.body']
    LOOP
        RETURN NEXT t.rows(statement, 0, name || ': ' || statement);
    END LOOP;
    FOREACH statement IN ARRAY ARRAY[
        'INSERT INTO pages VALUES (10, ''7e000000-0000-4000-8000-000000000002'', ''planted'')', 'UPDATE pages SET tenant_id = ''7e000000-0000-4000-8000-000000000002''',
        'UPDATE notes SET tenant_id = ''7e000000-0000-4000-8000-000000000002''', 'UPDATE notes SET tenant_id = NULL',
        'INSERT INTO notes VALUES (10, ''7e000000-0000-4000-8000-000000000002'', warden.current_user_id(), ''planted'')',
        'INSERT INTO pages VALUES (1, NULL, ''x'') ON CONFLICT (id) DO UPDATE SET tenant_id = ''7e000000-0000-4000-8000-000000000002''',
        'INSERT INTO pages VALUES (3, NULL, ''x'') ON CONFLICT (id) DO UPDATE SET body = ''stolen''',
        'MERGE INTO pages p USING (VALUES (1)) AS v (id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET tenant_id = ''7e000000-0000-4000-8000-000000000002''',
        'MERGE INTO pages p USING (VALUES (10)) AS v (id) ON p.id = v.id WHEN NOT MATCHED THEN INSERT VALUES (10, ''7e000000-0000-4000-8000-000000000002'', ''planted'')',
        -- An unknown parent and another tenant's are one answer.
        'INSERT INTO replies (id, page_id) VALUES (10, 3)', 'INSERT INTO replies (id, page_id) VALUES (10, 33)', 'INSERT INTO replies (id, note_id) VALUES (10, 3)', 'TRUNCATE pages',
        'ALTER TABLE pages DISABLE ROW LEVEL SECURITY']
    LOOP
        RETURN NEXT t.refused(statement, '42501', name || ': ' || statement);
    END LOOP;
    RETURN NEXT t.is((SELECT count(*) FROM public.pages), 2, name || ' counts the pages of one tenant');
    RETURN NEXT t.is((SELECT string_agg(DISTINCT n.body, ', ' ORDER BY n.body) FROM pg_temp.noted n WHERE n.body LIKE '%Bolt%'), NULL, 'D5: ' || name || ': a function in a condition is shown nothing of the other tenant');
    -- And shows that it notes what it is shown.
    PERFORM FROM public.pages WHERE pg_temp.leak(body);
    RETURN NEXT t.is((SELECT string_agg(DISTINCT n.body, ', ' ORDER BY n.body) FROM pg_temp.noted n WHERE n.body LIKE 'Acme _'), 'Acme 1, Acme 2', 'D5: ' || name || ': but of his own');
    DELETE FROM pg_temp.noted;
END $$;
SELECT pg_temp.attack('alice in 1');
SELECT pg_temp.attack('bob in 1');
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.rows('INSERT INTO replies (id, page_id, note_id) VALUES (10, 1, 2)', 1, 'below a page of his tenant and his note there he writes');
SELECT t.refused('UPDATE replies SET page_id = 3', '42501', 'and moves it below none of the other');
-- Cached plans ask the policy anew.
PREPARE p AS SELECT count(*) FROM pages;
EXECUTE p \gset before_
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
EXECUTE p \gset after_
SELECT t.is(:'before_count' || ' ' || :'after_count', '2 1', 'a plan made in one tenant is the other''s in the other');
SELECT t.rows('DELETE FROM pages WHERE id = 3', 1, 'in the other tenant he deletes its page');
SELECT t.rows('SELECT * FROM replies', 0, 'and does not see what he wrote in the first');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'mallory_in_2');
SELECT t.is(reached(), 'Bolt 3; ', 'nothing of it was touched');
COMMIT;

-- D1: COPY writes out what a SELECT sees, and reads nothing in.
\setenv TOKEN :bob_in_1
\setenv OTHER :bob_in_2
\set copied `psql -X -q -t -A -d attack_d_cross_tenant_rows -U app -c "BEGIN; SELECT warden.authenticate('$TOKEN') IS NULL; COPY pages (body) TO STDOUT; COPY (SELECT body FROM notes ORDER BY id) TO STDOUT; COMMIT" | paste -sd ' '`
SELECT t.is(:'copied', 'f Acme 1 Acme 2 bob in Acme', 'D1: COPY TO has the rows of the tenant');
\set copied `psql -X -q -t -A -d attack_d_cross_tenant_rows -U app -c "BEGIN; SELECT warden.authenticate('$OTHER') IS NULL; COPY pages (body) TO STDOUT; COPY (SELECT body FROM notes ORDER BY id) TO STDOUT; COMMIT" | paste -sd ' '`
SELECT t.is(:'copied', 'f Bolt 3 bob in Bolt', 'D1: and in the other tenant those of that one');
\set ON_ERROR_STOP off
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
\copy pages FROM /dev/null
\set state :SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP on
SELECT t.is(:'state', '0A000', 'D1: COPY FROM is refused');

-- D7: workers see what their leader does.
\connect - postgres
SET ROLE owner;
CREATE TABLE readings (id int PRIMARY KEY, tenant_id uuid NOT NULL, body text NOT NULL);
INSERT INTO readings SELECT i, CASE WHEN i % 2 = 0 THEN :'t1' ELSE :'t2' END::uuid, CASE WHEN i % 2 = 0 THEN 'Acme' ELSE 'Bolt' END FROM generate_series(1, 20000) AS i;
SELECT count(*) FROM warden.protect('readings', owner_column => NULL, tenant_column => 'tenant_id', create_index => false);
GRANT SELECT ON readings TO app;
RESET ROLE;
ANALYZE readings;
\ir lib/workers.sql
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.is(rows_by_workers('SELECT * FROM readings WHERE body = ''Acme'''), 10000, 'D7: workers alone read the rows of the tenant');
SELECT t.is(rows_by_workers('SELECT * FROM readings WHERE body = ''Bolt'''), 0, 'D7: and none of the other');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(rows_by_workers('SELECT * FROM readings WHERE body = ''Acme'''), 0, 'D7: in the other it is');
SELECT t.is(rows_by_workers('SELECT * FROM readings WHERE body = ''Bolt'''), 10000, 'D7: the other way round');
COMMIT;

-- D8: what is below a row goes with it, whoever wrote it, and nothing of another tenant is below it.
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.rows('SELECT * FROM replies', 1, 'D8: a reply of bob''s in Acme');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
INSERT INTO replies (id, page_id) VALUES (11, 3);
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.rows('DELETE FROM pages', 2, 'D8: a member deletes all the pages of the tenant');
SELECT t.is(reached(), '; alice in Acme', 'D8: which is what she sees');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.rows('SELECT * FROM replies', 0, 'D8: the reply went with its page');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_in_2');
SELECT t.is(string_agg(id::text, ','), '11', 'D8: the one in the other tenant did not') FROM replies;
SELECT t.is(reached(), 'Bolt 3; bob in Bolt', 'D8: nor anything else of it');
COMMIT;
-- D10: what becomes part of a table later is read under the same policy, also directly.
\connect - owner
CREATE TABLE logs (id int, tenant_id uuid, user_id uuid, body text) PARTITION BY LIST (id);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1);
GRANT SELECT, INSERT, UPDATE, DELETE ON logs TO app;
SELECT count(*) FROM warden.protect('logs', owner_column => NULL, tenant_column => 'tenant_id');
CREATE TABLE logs_2 (id int NOT NULL, tenant_id uuid NOT NULL, user_id uuid, body text);
CREATE TABLE more_pages (id int NOT NULL, tenant_id uuid NOT NULL, body text);
INSERT INTO logs_2 VALUES (2, :'t1', NULL, 'Acme log'), (2, :'t2', NULL, 'Bolt log');
INSERT INTO more_pages VALUES (4, :'t1', 'Acme 4'), (5, :'t2', 'Bolt 5');
ALTER TABLE logs ATTACH PARTITION logs_2 FOR VALUES IN (2);
ALTER TABLE more_pages INHERIT pages;
GRANT SELECT, UPDATE, DELETE ON logs_2, more_pages TO app;
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_in_1');
SELECT t.is(string_agg(body, ', ' ORDER BY body), 'Acme log', 'D10: a partition that was attached shows its tenant by the parent') FROM logs;
SELECT t.is(string_agg(body, ', ' ORDER BY body), 'Acme log', 'D10: and directly') FROM logs_2;
SELECT t.is(string_agg(body, ', ' ORDER BY body), 'Acme 4', 'D10: so does a child that inherits since') FROM pages;
SELECT t.is(string_agg(body, ', ' ORDER BY body), 'Acme 4', 'D10: and directly') FROM more_pages;
SELECT t.rows(statement, 1, 'D10: of both the one is changed: ' || statement) FROM (VALUES ('UPDATE logs_2 SET body = ''mine'''), ('UPDATE more_pages SET body = ''mine'''), ('DELETE FROM logs_2'), ('DELETE FROM more_pages')) AS s (statement);
ROLLBACK;

-- The settings that name a tenant are nobody's to set.
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.ok(t.error(format(call, :'t2')) IS NOT NULL, 'refused: ' || call) FROM (VALUES ('SET LOCAL app.current_tenant_id = %L'), ('SELECT set_config(''app.current_tenant_id'', %L, true)'),
    ('SET app.current_tenant_id = %L'), ('SELECT set_config(''warden.identity'', %L, true)')) AS c (call);
SELECT t.is(reached(), 'Acme 4; alice in Acme', 'and she is where she was');
COMMIT;
SELECT t.done();
