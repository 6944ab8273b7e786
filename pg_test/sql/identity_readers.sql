-- What can be read of an identity: every current_* function, identity(), the mirrors by current_setting, SHOW and
-- pg_settings, in the leader and in parallel workers.
\ir lib/cast.sql
\ir lib/parallel.sql
SELECT warden.create_user(external_id => '42', id => '42420000-0000-4000-8000-000000000042');
\set numbered `lib/tokens mint 42420000-0000-4000-8000-000000000042 600`
\ir lib/as_attacker.sql

BEGIN;
SELECT warden.authenticate(:'full_token');
SELECT t.is(warden.current_user_id(), :'alice'::uuid, 'user');
SELECT t.is(warden.current_actor_id(), :'bob'::uuid, 'actor: the subject of act');
SELECT t.is(warden.current_tenant_id(), '7e000000-0000-4000-8000-00000000000a'::uuid, 'tenant');
SELECT t.is(warden.current_session_id(), 'sess-1', 'session');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user:' || :'alice', 'tenant:7e000000-0000-4000-8000-00000000000a'], 'scopes, with those of the ids');
SELECT t.is(warden.current_roles()::text, '{user}', 'roles: the directory''s');
SELECT t.is(warden.current_external_id(), :'alice', 'external id: the id, where there is none');
SELECT t.ok(warden.current_external_number() IS NULL, 'external number: none');
SELECT t.is(warden.identity() - 'expires_at', jsonb_build_object('user_id', :'alice', 'actor_id', :'bob', 'external_id', NULL,
    'tenant_id', '7e000000-0000-4000-8000-00000000000a', 'session_id', 'sess-1', 'roles', '["user"]'::jsonb,
    'scopes', to_jsonb(warden.current_scopes())), 'identity(): all of it');
SELECT t.ok((warden.identity()->>'expires_at')::timestamptz BETWEEN now() + interval '9 minutes' AND now() + interval '11 minutes',
    'expires_at: what the token says, with the leeway');

SELECT t.is(current_setting('app.current_user_id'), :'alice', 'mirror of the user');
SELECT t.is(current_setting('app.current_actor_id'), :'bob', 'mirror of the actor');
SELECT t.is(current_setting('app.current_tenant_id'), '7e000000-0000-4000-8000-00000000000a', 'mirror of the tenant');
SELECT t.is(current_setting('app.current_session_id'), 'sess-1', 'mirror of the session');
SELECT t.is(current_setting('app.current_scopes'), array_to_string(warden.current_scopes(), ' '), 'mirror of the scopes');
CREATE FUNCTION pg_temp.show(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    shown text;
BEGIN
    EXECUTE format('SHOW %s', name) INTO shown;
    RETURN shown;
END $$;
SELECT t.is(pg_temp.show('app.current_user_id'), :'alice', 'SHOW');
SELECT t.is(setting, :'alice', 'pg_settings') FROM pg_settings WHERE name = 'app.current_user_id';
SELECT t.is(count(*), 5, 'there are five mirrors') FROM pg_settings WHERE name LIKE 'app.current%';

SELECT t.is(rows_by_workers($$SELECT 1 FROM many WHERE current_setting('app.current_user_id') = user_id::text
    AND warden.current_actor_id() <> user_id AND warden.current_session_id() = 'sess-1'
    AND warden.current_scopes() @> '{agents:read,tools:execute}' AND warden.has_scope('agents:read') AND warden.current_roles() = '{user}'
    AND warden.identity()->>'user_id' = user_id::text AND warden.require_user(user_id)$$), 10000, 'parallel workers read the same');
COMMIT;
SELECT t.is(count(*), 5, 'the mirrors are empty after COMMIT') FROM pg_settings WHERE name LIKE 'app.current%' AND setting = '';

BEGIN;
SELECT warden.authenticate(:'numbered');
SELECT t.is(warden.current_external_id(), '42', 'external id');
SELECT t.is(warden.current_external_number(), 42, 'external number');
SELECT t.is(warden.current_actor_id(), warden.current_user_id(), 'who acts for nobody else acts himself');
SELECT t.ok(warden.current_tenant_id() IS NULL AND warden.current_session_id() IS NULL, 'what the token does not say is NULL');
SELECT t.is(current_setting('app.current_tenant_id') || current_setting('app.current_session_id'), '',
    'and empty in the mirrors');
COMMIT;

-- A tenant asked for must be the token's.
BEGIN;
SELECT t.is(warden.authenticate(:'full_token', tenant_id => '7e000000-0000-4000-8000-00000000000a'), :'alice'::uuid, 'the tenant of the token');
COMMIT;
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => ''7e000000-0000-4000-8000-00000000000b'')', :'full_token'), '28000', 'another tenant');
COMMIT;
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L, tenant_id => ''7e000000-0000-4000-8000-00000000000a'')', :'alice_token'), '28000', 'a tenant the token does not name');
COMMIT;
BEGIN;
SELECT t.is(warden.authenticate(:'alice_token', '203.0.113.7'), :'alice'::uuid, 'with the client''s address');
COMMIT;
SELECT t.done();
