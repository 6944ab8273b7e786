-- warden.error_style = postgrest: what the client is sent for an error of ours is PT and the HTTP status that http_status()
-- gives its SQLSTATE; errors of others keep theirs, and PL/pgSQL meets the SQLSTATE of the table in either style.
\ir lib/cast.sql
SELECT warden.add_key_role('keymaster'), warden.add_admin_role('boss');
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', leeway => '0 s');
-- As the manual says: before the library is there, nobody can see to an error.
SELECT format('ALTER DATABASE %I SET session_preload_libraries = ''pg_warden''', current_database()) \gexec
\connect - owner
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid);
GRANT SELECT, INSERT ON notes TO app;
SELECT count(*) > 0 FROM warden.protect('notes');
GRANT TRUNCATE ON notes TO app;
CREATE FUNCTION find_nothing() RETURNS int LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no such order' USING ERRCODE = 'P0002'; END $$;
\ir lib/as_attacker.sql

-- The state a top-level statement ends with; in a transaction of its own.
\set ON_ERROR_STOP off
\set end 'ROLLBACK;'
SELECT warden.authenticate('x');
\set postgres_style :SQLSTATE
SET warden.error_style = postgrest;
SELECT warden.authenticate('x');
\set unauthenticated :SQLSTATE
SELECT warden.authenticate(:'alice_token', tenant_id => :'bob');
\set other_tenant :SQLSTATE
SELECT warden.require_user(:'bob');
\set forbidden :SQLSTATE
SELECT warden.record_event('');
\set invalid :SQLSTATE
BEGIN; SELECT warden.authenticate(:'alice_token'); SELECT warden.authenticate(:'bob_token');
\set second_user :SQLSTATE
:end
\set brief `lib/tokens mint a11ce000-0000-4000-8000-000000000001 4`
BEGIN; SELECT warden.authenticate(:'brief'); SELECT wait_until_expired(); SELECT * FROM notes;
\set expired :SQLSTATE
:end
SET warden.missing_identity = error;
SELECT * FROM notes;
\set nobody :SQLSTATE
RESET warden.missing_identity;
TRUNCATE notes;
\set truncated :SQLSTATE
BEGIN; SELECT warden.authenticate(:'alice_token'); INSERT INTO notes VALUES (1, :'bob');
\set by_policy :SQLSTATE
:end
SELECT 1/0;
\set others :SQLSTATE
SELECT find_nothing();
\set applications :SQLSTATE
SELECT * FROM warden.users;
\set no_privilege :SQLSTATE
SELECT warden.require_user(:'bob');
SELECT 'x'::int;
\set after_ours :SQLSTATE
SET warden.error_style = other;
\set unknown_style :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'postgres_style', '28000', 'postgres is the default');
SELECT t.is(:'unauthenticated', 'PT401', 'a refused token');
SELECT t.is(:'other_tenant', 'PT401', 'a tenant that is not the token''s');
SELECT t.is(:'forbidden', 'PT403', 'another user''s id');
SELECT t.is(:'invalid', 'PT400', 'an unusable argument');
SELECT t.is(:'second_user', 'PT409', 'the wrong state');
SELECT t.is(:'expired', 'PT401', 'an expired identity, in a policy');
SELECT t.is(:'nobody', 'PT401', 'nobody, where that is loud');
SELECT t.is(:'truncated', 'PT403', 'a trigger of ours, in PL/pgSQL');
SELECT t.is(:'by_policy', '42501', 'a policy''s refusal is of Postgres itself');
SELECT t.is(:'others', '22012', 'an error of others');
SELECT t.is(:'applications', 'P0002', 'one of the application''s, though of a state that is ours too');
SELECT t.is(:'no_privilege', '42501', 'a missing privilege');
SELECT t.is(:'after_ours', '22P02', 'an error of others after one of ours');
SELECT t.is(:'unknown_style', '22023', 'there are two styles');
SELECT t.refused('SELECT warden.require_user(NULL::uuid)', '42501', 'PL/pgSQL meets the table''s SQLSTATE');
SELECT t.is(string_agg(warden.http_status(state)::text, ' ' ORDER BY state), '500 400 401 403 404 409 429 500', 'http_status knows these states')
FROM unnest('{PT400,PT401,PT403,PT404,PT409,PT429,PT200,PTabc}'::text[]) AS s (state);

\connect - keymaster
SET warden.error_style = postgrest;
\set ON_ERROR_STOP off
SELECT warden.set_issuer_keys('https://unknown.example.com', :'jwks');
\set unknown_issuer :SQLSTATE
SELECT warden.set_issuer_keys(:'issuer', '{"keys": []}');
\set empty_set :SQLSTATE
\connect - boss
SET warden.error_style = postgrest;
SELECT warden.set_user_status('00000000-0000-4000-8000-00000000dead', 'active');
\set unknown_user :SQLSTATE
SELECT warden.create_user(id => :'alice');
\set taken :SQLSTATE
\set ON_ERROR_STOP on
SELECT t.is(:'unknown_issuer', 'PT404', 'an issuer that is not there');
SELECT t.is(:'empty_set', 'PT400', 'an empty key set');
SELECT t.is(:'unknown_user', 'PT404', 'a user that is not there, from PL/pgSQL');
SELECT t.is(:'taken', 'PT409', 'an id that is taken');
SELECT t.done();
