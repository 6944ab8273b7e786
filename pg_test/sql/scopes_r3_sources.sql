-- R3: effective = (role ∪ user) ∩ client ∩ token, and the context's own; each removal is felt by the next transaction of an open
-- session, with the same token, and by an API key too.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_trusted_role('gateway');
SELECT prefix, secret_hash, key AS api_key FROM warden.generate_api_key() \gset
INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes)
SELECT :'bob', 'of a job', :'prefix', :'secret_hash', '{agents:*,billing}';
\set all `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600`
\set narrow `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "agents:read billing nonesuch openid"}'`
\set boast `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "admin"}'`
\set family `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scp": ["agents:*"]}'`
\set sign_in `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "openid profile email offline_access"}'`
\set none `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": ""}'`
\set foreign `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "read:messages openid"}'`
\set of_web `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"client_id": "web"}'`
\set for_web `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"azp": "web", "scope": "user agents:read"}'`
\set of_two `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"client_id": "web", "azp": "phone"}'`
\set odd_client `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"client_id": 7, "azp": ["web"]}'`
CREATE FUNCTION held(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    RETURN (SELECT coalesce(string_agg(s, ' ' ORDER BY s), '-') FROM unnest(warden.current_scopes()) AS s WHERE s NOT LIKE 'user:%-%');
END $$;
-- One connection for a client that stays open all the time.
CREATE EXTENSION dblink;
GRANT EXECUTE ON FUNCTION dblink_connect_u(text, text) TO PUBLIC;
SELECT dblink_connect_u('open', format('host=%s port=%s dbname=%s user=app', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()));
CREATE FUNCTION now_held(token text) RETURNS text LANGUAGE sql AS $$ SELECT held FROM dblink('open', format('SELECT held(%L)', token)) AS d (held text) $$;

-- The token.
SELECT t.is(now_held(:'all'), 'agents:read tools:execute user', 'R3: a token that states no scopes narrows nothing');
SELECT t.is(now_held(:'narrow'), 'agents:read', 'R3: one that does narrows, and adds nothing that the user is not granted');
SELECT t.is(now_held(:'boast'), 'agents:read tools:execute user', 'R3: a token that says admin makes nobody one');
SELECT t.is(now_held(:'family'), 'agents:read', 'R3: with a wildcard, and in scp');
SELECT t.is(now_held(:'sign_in'), 'agents:read tools:execute user', 'R3: what its application is told of the user is no permission');
SELECT t.is(now_held(:'none'), '-', 'R3: an empty list is a list');
SELECT t.is(now_held(:'foreign'), '-', 'R3: a token for something else is none for us');

-- The user.
SELECT t.is(warden.grant_scope(:'alice', 'billing'), true, 'granted');
SELECT t.is(warden.grant_scope(:'alice', 'billing'), false, 'once');
SELECT t.is(now_held(:'all'), 'agents:read billing tools:execute user', 'R3: what is added is felt by an open session');
SELECT t.is(now_held(:'narrow'), 'agents:read billing', 'R3: within the token');
SELECT t.is(warden.revoke_scope(:'alice', 'billing'), true, 'revoked');
SELECT t.is(warden.revoke_scope(:'alice', 'billing'), false, 'once');
SELECT t.is(now_held(:'all'), 'agents:read tools:execute user', 'R3: what is removed, too');
SELECT t.is(warden.revoke_scope(:'alice', 'user'), false, 'R3: what a role gives is not taken from the user alone');

-- The role.
SELECT warden.define_role('user', '{user,tools:*}');
SELECT t.is(now_held(:'all'), 'tools:execute user', 'R3: a change of the role is felt');
SELECT t.is(now_held(:'narrow'), '-', 'R3: also within a token');
BEGIN;
SELECT warden.define_role('user', '{user}');
SELECT t.is(now_held(:'all'), 'tools:execute user', 'R3: not before it is committed');
ROLLBACK;
SELECT t.is(now_held(:'all'), 'tools:execute user', 'R3: nor where it is not');
SELECT t.is(warden.define_role('user', '{user,agents:read,tools:execute}'), true, 'as it shipped');
SELECT t.is((SELECT count(*) FROM warden.roles WHERE NOT shipped), 0, 'leaves nothing to dump');
SELECT t.is(now_held(:'all'), 'agents:read tools:execute user', 'R3: and is what it was');
SELECT warden.assign_role(:'alice', 'viewer'), warden.revoke_role(:'alice', 'user');
SELECT t.is(now_held(:'all'), 'agents:read user', 'R3: the role itself');
SELECT warden.assign_role(:'alice', 'admin');
SELECT t.is(now_held(:'narrow'), 'agents:read', 'R3: admin implies all, yet a token that names one has one');
SELECT warden.revoke_role(:'alice', 'viewer'), warden.assign_role(:'alice', 'user');
SELECT warden.assign_role(:'bob', 'admin'), warden.revoke_role(:'alice', 'admin');

-- The client.
SELECT t.is(now_held(:'of_web'), 'agents:read tools:execute user', 'R3: a client that is not registered narrows nothing');
SELECT t.is(warden.register_client('web', '{user,tools:*,billing}'), true, 'registered');
SELECT t.is(warden.register_client('web', '{billing,user,tools:*}'), false, 'once');
SELECT t.is(now_held(:'of_web'), 'tools:execute user', 'R3: registered it does, and adds nothing');
SELECT t.is(now_held(:'for_web'), 'user', 'R3: with its token, named by azp');
SELECT t.is(now_held(:'all'), 'agents:read tools:execute user', 'R3: but no token of others');
SELECT t.is(now_held(:'odd_client'), 'agents:read tools:execute user', 'a claim that is no name names no client');
SELECT warden.register_client('phone', '{user,agents:read}');
SELECT t.is(now_held(:'of_two'), 'user', 'R3: both that a token names');
SELECT warden.register_client('web', '{}');
SELECT t.is(now_held(:'of_web'), '-', 'R3: a client may have nothing');
SELECT t.is(warden.unregister_client('web'), true, 'unregistered');
SELECT t.is(warden.unregister_client('web'), false, 'once');
SELECT t.is(now_held(:'of_web'), 'agents:read tools:execute user', 'R3: and is felt');

-- API keys.
SELECT warden.assign_role(:'mallory', 'admin'), warden.revoke_role(:'bob', 'admin');
SELECT t.is(now_held(:'api_key'), 'agents:read', 'R3: a key has what it was made with, of what the user has');
SELECT warden.grant_scope(:'bob', 'billing');
SELECT t.is(now_held(:'api_key'), 'agents:read billing', 'R3: granted to the user, held by the key');
SELECT warden.revoke_scope(:'bob', 'billing'), warden.define_role('user', '{user}');
SELECT t.is(now_held(:'api_key'), '-', 'R3: and taken from it at once');

-- Under an old snapshot, and of whom a gateway states.
\connect - app
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_class;
SELECT t.is(held(:'all'), 'user', 'R3: under REPEATABLE READ');
COMMIT;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.is(warden.current_scopes(), ARRAY['user', 'user:' || :'alice'], 'R3: whom a gateway states has what it is granted');
COMMIT;
\connect - postgres
-- What was said is recorded, and what a user had goes with it from the export of the log.
SELECT t.is((SELECT string_agg(DISTINCT action, ' ' ORDER BY action) FROM warden.audit_log WHERE action LIKE '%scope' OR action LIKE '%client' OR action = 'define_role'),
    'define_role grant_scope register_client revoke_scope unregister_client', 'R3: each is recorded');
SELECT t.done();
