-- login(): U2 (who is not active does not come in), U7 (last_login_at), S5 (a token of the database's own, of a session),
-- with the names of OAuth 2.0 (RFC 6749 section 5).
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/as_attacker.sql

-- By email, however it is written, and by name.
SELECT t.is(warden.login(identifier, :'alice_password')::text ~ '^\(ey', true, 'signs in as ' || quote_literal(identifier))
FROM unnest('{alice@example.com," Alice@Example.COM ",alice}'::text[]) AS i (identifier);
SELECT t.is(l.error, 'invalid_grant', 'but not as ' || quote_literal(identifier))
FROM unnest('{Alice," alice",alice@example.org}'::text[] || :'alice'::text) AS i (identifier)
CROSS JOIN LATERAL warden.login(identifier, :'alice_password') AS l;

SELECT * FROM warden.login('alice', :'alice_password', '192.0.2.7', 'psql/15', 'laptop') \gset
SELECT t.is(:'token_type', 'Bearer', 'a bearer token');
SELECT t.is(:'expires_in', '900', 'for a quarter of an hour');
SELECT t.is(:'scope', 'agents:read tools:execute user', 'with what the role holds');
SELECT t.matches(:'refresh_token', '^wr_[A-Za-z0-9_-]{43}$', 'and a refresh token');
\if :{?error}
SELECT t.ok(false, 'and no error');
\endif
BEGIN;
SELECT t.is(warden.authenticate(:'access_token'), :'alice', 'S5: the token is good');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and shows what is alice''s');
SELECT warden.current_session_id() AS session \gset
COMMIT;

\connect - postgres
SELECT t.ok(u.last_login_at > now() - interval '1 minute', 'U7: last_login_at is set') FROM warden.users u WHERE u.id = :'alice';
SELECT t.ok(u.last_login_at IS NULL, 'U7: and only by a login') FROM warden.users u WHERE u.id = :'bob';
SELECT t.is(row(s.user_id, s.kind, host(s.client_ip), s.user_agent, s.device)::text,
    row(:'alice'::uuid, 'login', '192.0.2.7', 'psql/15', 'laptop')::text, 'the session says where from') FROM warden.sessions s WHERE s.id = :'session';
SELECT t.is(count(*), 0, 'the refresh token is not kept, its hash is')
FROM warden.refresh_tokens r WHERE encode(r.hash, 'escape') LIKE '%' || substr(:'refresh_token', 4) || '%';
SELECT t.is(count(*), 1, 'SHA-256') FROM warden.refresh_tokens r WHERE r.hash = sha256(convert_to(substr(:'refresh_token', 4), 'UTF8'));
SELECT t.is(count(*), 4, 'each is on the record') FROM warden.audit_log WHERE action = 'login' AND object = :'alice';
SELECT t.matches(p.hash, '^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$', 'the password is kept by argon2id, as OWASP says')
FROM warden.passwords p WHERE p.user_id = :'alice';

-- Fewer scopes.
\connect - app
SELECT t.is(scope, 'user', 'fewer scopes are granted') FROM warden.login('alice', :'alice_password', scopes => '{user,user}');
SELECT t.is(l.error, 'invalid_scope', 'more are not: ' || asked::text)
FROM unnest(ARRAY['{user,admin}', '{}', '{NULL}', '{User}']) AS a (asked)
CROSS JOIN LATERAL warden.login('alice', :'alice_password', scopes => asked::text[]) AS l;
SELECT t.is(l.error, 'invalid_request', 'nothing is asked of nobody')
FROM (VALUES (NULL, 'x'), ('', 'x'), ('alice', NULL), ('alice', '')) AS a (identifier, password)
CROSS JOIN LATERAL warden.login(a.identifier, a.password) AS l;

-- U2: whatever status but active.
\connect - boss
SELECT warden.create_user(email => 'carol@example.com') AS carol \gset
SELECT warden.set_password(:'carol', 'carol''s password');
SELECT warden.create_service_account('robot') AS robot \gset
SELECT t.refused(format('SELECT warden.set_password(%L, %L)', :'robot', 'long enough'), '55000', 'a service has no password');
SELECT warden.set_user_status(:'carol', 'suspended');
\connect - app
SELECT t.is(l::text, '(,,,,,invalid_grant,"authentication failed",)', 'U2: suspended') FROM warden.login('carol@example.com', 'carol''s password') AS l;
\connect - boss
SELECT warden.set_user_status(:'carol', 'active');
\connect - app
SELECT t.is(l.error, NULL, 'U2: active again') FROM warden.login('carol@example.com', 'carol''s password') AS l;
\connect - boss
SELECT warden.delete_user(:'carol');
\connect - app
SELECT t.is(l.error, 'invalid_grant', 'U2: deleted') FROM warden.login('carol@example.com', 'carol''s password') AS l;
SELECT t.is(l.error, 'invalid_grant', 'a service account') FROM warden.login('robot', 'long enough') AS l;

-- Two users that a table of the application keeps share an address: neither is meant.
\connect - postgres
INSERT INTO warden.users (name, email, synced) VALUES ('one', 'shared@example.com', true), ('two', 'shared@example.com', true);
SELECT warden.set_password(u.id, 'the same password') FROM warden.users u WHERE u.email = 'shared@example.com';
\connect - app
SELECT t.is(l.error, 'invalid_grant', 'a shared address is nobody''s') FROM warden.login('shared@example.com', 'the same password') AS l;
SELECT t.is(l.error, NULL, 'a name is one''s') FROM warden.login('one', 'the same password') AS l;

-- A password is one, however it is composed; the rehash of a cheap one.
\connect - postgres
SELECT warden.set_password(:'bob', U&'caf\00e9 au lait');
SET warden.password_iterations = 1;
SELECT warden.set_password(:'alice', :'alice_password');
RESET warden.password_iterations;
SELECT p.hash AS cheap FROM warden.passwords p WHERE p.user_id = :'alice' \gset
SELECT t.matches(:'cheap', 'm=19456,t=1,p=1', 'a hash at a lower cost');
\connect - app
SELECT t.is(l.error, NULL, 'another composition of the same characters') FROM warden.login('bob', U&'cafe\0301 au lait') AS l;
SELECT t.is(l.error, 'invalid_grant', 'a wrong password') FROM warden.login('alice', 'wrong') AS l;
\connect - postgres
SELECT t.is(p.hash, :'cheap', 'changes nothing') FROM warden.passwords p WHERE p.user_id = :'alice';
\connect - app
SELECT t.is(l.error, NULL, 'the right one') FROM warden.login('alice', :'alice_password') AS l;
\connect - postgres
SELECT t.matches(p.hash, 'm=19456,t=2,p=1', 'is hashed anew at the cost of today') FROM warden.passwords p WHERE p.user_id = :'alice';
\connect - app
SELECT t.is(l.error, NULL, 'and is the same password') FROM warden.login('alice', :'alice_password') AS l;
SELECT t.refused('SET warden.password_iterations = 1', '42501', 'the cost is not a client''s to say');

-- R2: who holds a wildcard asks for what it covers, and keeps it when it is refreshed.
\connect - postgres
SELECT warden.define_role('user', '{user,docs:*}'), warden.define_scope('docs:read');
\connect - app
SELECT scope, refresh_token FROM warden.login('alice', :'alice_password', scopes => '{docs:read}') \gset
SELECT t.is(:'scope', 'docs:read', 'R2: a scope that a wildcard covers');
SELECT t.is(l.error, 'invalid_scope', 'R2: not another: ' || s) FROM unnest('{docs:raed,billing,docs,*}'::text[]) AS s CROSS JOIN LATERAL warden.login('alice', :'alice_password', scopes => ARRAY[s]) AS l;
SELECT access_token, scope, refresh_token FROM warden.refresh(:'refresh_token') \gset
SELECT t.is(:'scope', 'docs:read', 'R2: also refreshed');
SELECT t.is(r.error, 'invalid_scope', 'R2: and no wider') FROM warden.refresh(:'refresh_token', '{docs:*}') AS r;
BEGIN;
SELECT warden.authenticate(:'access_token');
SELECT t.is(warden.has_scope('docs:read'), true, 'R2: it is held'), t.is(warden.has_scope('user'), false, 'and no more');
COMMIT;
SELECT access_token, refresh_token FROM warden.login('alice', :'alice_password') \gset
BEGIN;
SELECT warden.authenticate(:'access_token');
SELECT t.is(count(*), 1, 'R2: a key of a scope that a wildcard covers') FROM warden.create_api_key('reader', '{docs:read}');
SELECT t.refused('SELECT warden.create_api_key(''all'', ''{docs:*}'')', '42501', 'of what there will be, none');
COMMIT;
SELECT t.is(x.scope, 'docs:read', 'R2: exchanged') FROM warden.exchange_token(:'access_token', '{docs:read}') AS x;
\connect - postgres
SELECT t.is(warden.revoke_api_key(k.id), true, 'revoked') FROM warden.list_api_keys(:'alice') AS k;
SELECT warden.define_role('user', '{user,agents:read,tools:execute}');

-- Without a key to sign with nothing is begun.
SELECT refresh_token FROM warden.login('alice', :'alice_password') \gset
\connect - postgres
SELECT count(*) AS sessions FROM warden.sessions \gset
DELETE FROM warden.signing_keys;
\connect - app
SELECT t.refused(format('SELECT warden.login(%L, %L)', 'alice', :'alice_password'), '55000', 'no key', 'no key to sign');
SELECT t.refused(format('SELECT warden.refresh(%L)', :'refresh_token'), '55000', 'no key', 'no key to sign');
\connect - postgres
SELECT t.is(count(*), :sessions, 'no session was begun') FROM warden.sessions;
SELECT warden.rotate_signing_key();
\connect - app
SELECT t.is(error, NULL, 'and the refresh token is still good') FROM warden.refresh(:'refresh_token');

-- The limit of sessions.
\connect - postgres
ALTER ROLE app IN DATABASE credentials_u07_login SET warden.max_sessions = 1;
ALTER ROLE app IN DATABASE credentials_u07_login SET warden.evict_sessions = off;
\connect - app
SELECT t.is(error, 'access_denied', 'taOS F13: too many sessions') FROM warden.login('alice', :'alice_password');
\connect - postgres
ALTER ROLE app IN DATABASE credentials_u07_login RESET ALL;
SELECT t.done();
