-- B1: nobody. No identity was asked for, or what was asked for is no user: no row, no write, no error from reads.
\ir lib/cast.sql
SELECT warden.add_trusted_role('gateway');
SELECT warden.create_user(external_id => 'auth0|carol', id => '0ca40100-0000-4000-8000-000000000004');
SELECT warden.create_user(external_id => '42'), warden.create_user(external_id => 'Dora');
\ir lib/as_attacker.sql

SELECT t.rows('SELECT FROM documents', 0, 'nobody reads nothing');
SELECT t.rows('SELECT FROM documents WHERE user_id IS NULL', 0, 'not even what has no owner');
SELECT t.is(count(*), 0, 'nobody counts nothing') FROM documents;
SELECT t.rows('UPDATE documents SET title = ''x''', 0, 'nobody changes nothing');
SELECT t.rows('DELETE FROM documents', 0, 'nobody deletes nothing');
SELECT t.refused(format('INSERT INTO documents VALUES (9, %L, ''x'')', :'alice'), '42501', 'nobody inserts for alice');
SELECT t.refused('INSERT INTO documents VALUES (9, NULL, ''x'')', '42501', 'nobody inserts for nobody');
SELECT t.refused('INSERT INTO documents SELECT 9, warden.current_user_id(), ''x''', '42501', 'nobody inserts for whoever he is');
SELECT t.ok(warden.current_user_id() IS NULL AND warden.current_external_id() IS NULL AND warden.current_external_number() IS NULL
    AND warden.current_tenant_id() IS NULL AND warden.current_session_id() IS NULL AND warden.current_actor_id() IS NULL
    AND warden.identity() IS NULL, 'every reader answers NULL');
SELECT t.ok(warden.current_roles() = '{}' AND warden.current_scopes() = '{}', 'roles and scopes are empty');
SELECT t.is(warden.sign_out(), false, 'nobody signs out');

-- A gateway that hands on whatever it was given.
\connect - gateway
CREATE TEMP TABLE asked (call text);
INSERT INTO asked
SELECT format('set_current_user(%s)', id)
FROM (VALUES ('NULL'), ('''00000000-0000-0000-0000-000000000000'''), ('''99999999-0000-4000-8000-000000000009'''),
    ('''ffffffff-ffff-ffff-ffff-ffffffffffff''')) AS v (id)
UNION ALL
SELECT format('set_current_external_user(%s)', coalesce(quote_literal(id), 'NULL'))
FROM unnest(ARRAY[NULL, '', ' ', '  ', 'AUTH0|CAROL', 'auth0|carol ', ' auth0|carol', 'auth0|сarol', 'аuth0|carol', 'auth0|carol' || chr(8203),
    E'auth0|carol\n', 'auth0', '%', '_', 'auth0|caro_', '0', '042', ' 42', '+42', '42.0', '0x2a', '٤٢', '42 ', '-42', 'dora', 'DORA',
    E'Dora\u0301', repeat('a', 256), repeat('é', 10000), 'a11ce000-0000-4000-8000-000000000001', '0ca40100-0000-4000-8000-000000000004',
    ''' OR true --', 'null', 'NULL', 'true', '{}', '[]', E'\b', E'\x1f']) AS id;
SELECT t.ok(count(*) > 40, 'there is much to ask for') FROM asked;
SELECT format('SELECT t.refused(%L, ''28000'', %L, ''^authentication failed$'')', 'SELECT warden.' || call, left(call, 60)) FROM asked \gexec
SELECT t.rows('SELECT FROM documents', 0, 'nobody after all of it');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', id), '22P02', 'no uuid at all: ' || id)
FROM (VALUES ('x'), (''), ('alice'), ('0')) AS v (id);
-- A failure ends the transaction's chances here as well.
BEGIN;
SELECT t.refused('SELECT warden.set_current_external_user('''')', '28000', 'a failure');
SELECT t.refused(format('SELECT warden.set_current_user(%L)', :'alice'), '55000', 'then no success');
COMMIT;

-- The ones that are somebody.
BEGIN;
SELECT t.is(warden.set_current_external_user('auth0|carol'), '0ca40100-0000-4000-8000-000000000004'::uuid, 'carol, spelled as she is');
SELECT t.is(warden.current_external_id(), 'auth0|carol', 'is who she is');
SELECT t.is(warden.current_user_id(), '0ca40100-0000-4000-8000-000000000004'::uuid, 'by id as well');
COMMIT;
BEGIN;
SELECT t.is(warden.set_current_user(:'alice'), :'alice'::uuid, 'alice');
SELECT t.is(warden.current_external_id(), :'alice', 'who has no external id is called by the id');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'sees hers');
COMMIT;

-- Users who are there and may not: by every status but active.
\connect - postgres
CREATE TABLE statuses (id uuid, status text);
GRANT SELECT ON statuses TO gateway;
INSERT INTO statuses SELECT warden.create_user(external_id => 'user ' || s), s
FROM unnest('{active,inactive,suspended,pending,deleted,temporary}'::text[]) AS s;
SELECT warden.set_user_status(id, status) FROM statuses;
\connect - gateway
SELECT format('SELECT t.refused(%L, ''28000'', %L)', format(form, value), status || ': ' || form)
FROM statuses, LATERAL (VALUES ('SELECT warden.set_current_user(%L)', id::text), ('SELECT warden.set_current_external_user(%L)', 'user ' || status)) AS f (form, value)
WHERE status <> 'active' \gexec
SELECT t.isnt(warden.set_current_external_user('user active'), NULL, 'active');
SELECT t.done();
