-- B2: a row whose owner is NULL is nobody's, for nobody and for everybody, by every kind of owner column and by policies
-- of a project that reads the setting.
\ir lib/cast.sql
ALTER DATABASE attack_b02_null_owner SET session_preload_libraries = 'pg_warden';
SELECT warden.create_user(external_id => '7', id => '5e7e0000-0000-4000-8000-000000000007');
SELECT warden.trust_issuer(:'other_issuer', :'other_jwks', '{api}', subject_is => 'external_id');
SET ROLE owner;
CREATE TABLE by_text (id int, owner text);
CREATE TABLE by_number (id int, owner bigint);
CREATE TABLE by_setting (id int, owner uuid);
INSERT INTO by_text VALUES (1, NULL), (2, ''), (3, '7'), (4, ' ');
INSERT INTO by_number VALUES (1, NULL), (2, 0), (3, 7);
INSERT INTO by_setting VALUES (1, NULL), (2, :'alice');
ALTER TABLE by_text ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE by_number ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE by_setting ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON by_text USING (owner = warden.current_external_id());
CREATE POLICY own ON by_number USING (owner = warden.current_external_number());
CREATE POLICY own ON by_setting USING (owner = nullif(current_setting('app.current_user_id', true), '')::uuid);
GRANT ALL ON by_text, by_number, by_setting TO app;
RESET ROLE;
\ir lib/as_attacker.sql

CREATE FUNCTION pg_temp.ids() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ', 'documents ' || (SELECT string_agg(id::text, ',' ORDER BY id) FROM documents),
        'text ' || (SELECT string_agg(id::text, ',' ORDER BY id) FROM by_text),
        'number ' || (SELECT string_agg(id::text, ',' ORDER BY id) FROM by_number),
        'setting ' || (SELECT string_agg(id::text, ',' ORDER BY id) FROM by_setting))
$$;
SELECT t.is(pg_temp.ids(), '', 'nobody sees no row without owner');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(pg_temp.ids(), 'documents 1,2,3; setting 2', 'alice sees hers, and none without owner');
SELECT t.rows('UPDATE documents SET title = title', 3, 'alice changes hers alone');
SELECT t.rows('DELETE FROM by_text', 0, 'and deletes none without owner');
SELECT t.refused('INSERT INTO documents VALUES (9, NULL, ''x'')', '42501', 'nor adds one');
SELECT t.refused('UPDATE documents SET user_id = NULL', '42501', 'nor makes one');
COMMIT;
SELECT t.is(pg_temp.ids(), '', 'nobody after COMMIT, where the setting is empty and not NULL');
SELECT t.done();
