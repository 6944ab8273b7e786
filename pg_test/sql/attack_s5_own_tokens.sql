-- S5, A11: tokens of the database's own are believed like any other, and nobody but the database signs them.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
SELECT warden.add_key_role('keymaster');
SELECT t.is(warden.jwks(), '{"keys": []}'::jsonb, 'no keys before the first rotation');
SELECT t.refused($$SELECT warden.issue_access_token(gen_random_uuid(), 's', '{}', 900)$$, '55000', 'nothing is signed without a key');

-- The administrator makes the key, and sees no private one.
\connect - boss
SELECT t.refused($$SELECT warden.rotate_signing_key('https://id.example.com')$$, '23505', 'not under the name of another issuer', 'somebody else');
SELECT t.refused($$SELECT warden.rotate_signing_key('')$$, '22023', 'not under no name');
SELECT t.refused($$SELECT warden.rotate_signing_key(overlap => '-1 hour')$$, '22023', 'not with an overlap that is none');
SELECT warden.rotate_signing_key('https://db.example.com') AS first_kid \gset
SELECT t.refused('SELECT private_key FROM warden.signing_keys', '42501', 'an administrator reads no private key');
SELECT t.refused($$SELECT warden.issue_access_token(gen_random_uuid(), 's', '{}', 900)$$, '42501', 'nor does he issue tokens');
SELECT t.refused('SELECT warden.generate_signing_key()', '42501', 'nor does he make keys himself');
SELECT t.refused($$SELECT warden.rotate_signing_key('https://other.name.example.com')$$, '55000', 'the name stays');
SELECT t.is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(warden.jwks() -> 'keys' -> 0) AS k),
    '{alg,crv,kid,kty,use,x}'::text[], 'what is published is the public half');
SELECT t.is(warden.jwks() #>> '{keys,0,kid}', :'first_kid', 'under the name that was returned');

\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.audit_log WHERE action = 'rotate_signing_key' AND object = 'https://db.example.com'), 1, 'the rotation is recorded');
SELECT t.ok(NOT EXISTS (SELECT FROM warden.audit_log a CROSS JOIN warden.signing_keys k
    WHERE a.detail::text LIKE '%' || encode(substr(k.private_key, 17, 32), 'hex') || '%'), 'without the key');
\set session 5e551017-0000-4000-8000-000000000001
INSERT INTO warden.sessions (id, user_id, kind, scopes, expires_at) VALUES (:'session', :'alice', 'login', '{user,agents:read}', now() + interval '1 day');
SELECT warden.issue_access_token(:'alice', :'session', '{user,agents:read}', 900) AS own_token,
       warden.issue_access_token(:'alice', gen_random_uuid()::text, '{read}', 900) AS of_no_session,
       warden.issue_access_token(:'alice', 'session-1', '{read}', 900) AS of_no_id,
       warden.issue_access_token(:'bob', :'session', '{read}', 900) AS of_another,
       warden.issue_access_token(:'alice', :'session', '{}', 900) AS without_scope \gset

-- Whoever may push keys of issuers may not push any for the database: he could sign for everybody.
\connect - keymaster
SELECT t.refused(format('SELECT warden.set_issuer_keys(%L, %L)', 'https://db.example.com', :'other_jwks'), '55000', 'a key role sets no keys of the database', 'the database itself');
SELECT t.succeeds(format('SELECT warden.set_issuer_keys(%L, %L)', 'https://id.example.com', :'jwks'), 'but those of an issuer');
\connect - boss
SELECT t.refused(format('SELECT warden.trust_issuer(%L, %L, %L)', 'https://db.example.com', :'other_jwks', '{api}'), '55000', 'nor does an administrator', 'the database itself');

\ir lib/as_attacker.sql
SELECT t.refused('SELECT * FROM warden.signing_keys', '42501', 'a client reads no private key');
SELECT t.refused('SELECT warden.generate_signing_key()', '42501', 'a client makes no keys');
SELECT t.refused(format('SELECT warden.issue_access_token(%L, %L, %L, 900)', :'bob', 's', '{}'), '42501', 'a client issues no token');
SELECT t.refused('SELECT warden.rotate_signing_key()', '42501', 'a client rotates no key');
SELECT t.is(jsonb_array_length(warden.jwks() -> 'keys'), 1, 'a client reads the public key');

BEGIN;
SELECT t.is(warden.authenticate(:'own_token'), :'alice'::uuid, 'a token of the database is good');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'and shows what is alice''s');
SELECT t.is(warden.current_session_id(), :'session', 'it carries its session');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'user', 'user:' || :'alice'], 'and its scopes');
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'of_no_session'), '28000', 'not of a session that is not there');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'of_no_id'), '28000', 'not of what is no session');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'of_another'), '28000', 'not for another user than the session''s');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'without_scope'), '28000', 'not without a scope');
SELECT t.refused(format('SELECT warden.authenticate(%L)', overlay(:'own_token' placing 'AAAA' from length(:'own_token') - 40)), '28000', 'not with another signature');
\set forged `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"iss": "https://db.example.com", "aud": "https://db.example.com"}'`
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'forged'), '28000', 'another issuer''s key signs nothing in the database''s name');

-- Rotation: what was signed before stays good for the overlap, and not after a theft.
\connect - boss
SELECT t.isnt(warden.rotate_signing_key(), :'first_kid', 'each key has its own name');
SELECT t.is(jsonb_array_length(warden.jwks() -> 'keys'), 2, 'both are published');
\connect - app
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'own_token'), 'the old token is good during the overlap');
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.signing_keys), 1, 'the old private key is gone');
SELECT warden.issue_access_token(:'alice', :'session', '{read}', 900) AS new_token \gset
\connect - app
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'new_token'), 'the new token is good');
\connect - boss
SELECT t.isnt(warden.rotate_signing_key(overlap => '0'), NULL, 'a key is replaced at once');
SELECT t.is(jsonb_array_length(warden.jwks() -> 'keys'), 1, 'nothing but the new one is published');
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'own_token'), '28000', 'without overlap the first token is void');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'new_token'), '28000', 'and the second');
\connect - boss
SELECT count(warden.rotate_signing_key()) FROM generate_series(1, 15);
SELECT t.ok(jsonb_array_length(warden.jwks() -> 'keys') <= 11, 'the set stays short');

-- A database that does not believe itself issues nothing.
SELECT t.is(warden.distrust_issuer('https://db.example.com'), true, 'the database is distrusted');
SELECT t.is(warden.jwks(), '{"keys": []}'::jsonb, 'and publishes nothing');
\connect - postgres
SELECT t.is((SELECT count(*) FROM warden.signing_keys), 0, 'its private key is gone');
SELECT t.refused($$SELECT warden.issue_access_token(gen_random_uuid(), 's', '{}', 900)$$, '55000', 'and it signs nothing');
SELECT t.done();
