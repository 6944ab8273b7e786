-- D, across tenants: whoever is admin of one tenant reaches no row of another, by no command, also where he is a member of both.
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
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN true; END $$;
GRANT SELECT, UPDATE ON pages_view TO app;
\connect - app
SELECT t.ok(NOT rolsuper AND NOT rolbypassrls AND row_security_active('pages') AND row_security_active('notes'), 'the attacker is an ordinary login') FROM pg_roles WHERE rolname = current_user;
CREATE FUNCTION pg_temp.attack(name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    PERFORM warden.authenticate(public.token_of(name));
    FOREACH statement IN ARRAY ARRAY[
        'SELECT * FROM pages WHERE id = 3', 'SELECT * FROM pages WHERE tenant_id = ''7e000000-0000-4000-8000-000000000002''', 'SELECT * FROM ONLY pages WHERE id = 3',
        'SELECT * FROM pages WHERE id = 3 OR true OFFSET 2', 'SELECT * FROM pages_view WHERE id = 3', 'SELECT * FROM pages WHERE leak(body) AND id = 3',
        'UPDATE pages SET body = ''mine'' WHERE id = 3', 'UPDATE pages_view SET body = ''mine'' WHERE id = 3', 'DELETE FROM pages WHERE id = 3',
        'SELECT * FROM pages WHERE id = 3 FOR UPDATE', 'SELECT * FROM notes WHERE id = 3', 'UPDATE notes SET body = ''mine'' WHERE id = 3', 'DELETE FROM notes WHERE id = 3',
        'UPDATE notes SET user_id = warden.current_user_id() WHERE id = 3']
    LOOP
        RETURN NEXT t.rows(statement, 0, name || ': ' || statement);
    END LOOP;
    FOREACH statement IN ARRAY ARRAY[
        'INSERT INTO pages VALUES (10, ''7e000000-0000-4000-8000-000000000002'', ''planted'')', 'UPDATE pages SET tenant_id = ''7e000000-0000-4000-8000-000000000002''',
        'UPDATE notes SET tenant_id = ''7e000000-0000-4000-8000-000000000002''', 'UPDATE notes SET tenant_id = NULL',
        'INSERT INTO notes VALUES (10, ''7e000000-0000-4000-8000-000000000002'', warden.current_user_id(), ''planted'')',
        'INSERT INTO pages VALUES (1, NULL, ''x'') ON CONFLICT (id) DO UPDATE SET tenant_id = ''7e000000-0000-4000-8000-000000000002''',
        'INSERT INTO pages VALUES (3, NULL, ''x'') ON CONFLICT (id) DO UPDATE SET body = ''stolen''',
        -- An unknown parent and another tenant's are one answer.
        'INSERT INTO replies (id, page_id) VALUES (10, 3)', 'INSERT INTO replies (id, page_id) VALUES (10, 33)', 'INSERT INTO replies (id, note_id) VALUES (10, 3)', 'TRUNCATE pages',
        'ALTER TABLE pages DISABLE ROW LEVEL SECURITY']
    LOOP
        RETURN NEXT t.refused(statement, '42501', name || ': ' || statement);
    END LOOP;
    RETURN NEXT t.is((SELECT count(*) FROM public.pages), 2, name || ' counts the pages of one tenant');
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
-- The settings that name a tenant are nobody's to set.
BEGIN;
SELECT warden.authenticate(:'alice_in_1');
SELECT t.ok(t.error(format(call, :'t2')) IS NOT NULL, 'refused: ' || call) FROM (VALUES ('SET LOCAL app.current_tenant_id = %L'), ('SELECT set_config(''app.current_tenant_id'', %L, true)'),
    ('SET app.current_tenant_id = %L'), ('SELECT set_config(''warden.identity'', %L, true)')) AS c (call);
SELECT t.is(reached(), 'Acme 1, Acme 2; alice in Acme', 'and she is where she was');
COMMIT;
SELECT t.done();
