-- E5: a token revoked by its jti is refused in the next transaction, in every backend, also where its verification is cached;
-- the same jti of another issuer, and a token without one, are not.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
SELECT warden.trust_issuer(:'other_issuer', :'jwks', '{api}', subject_is => 'subject');
SELECT warden.link_identity(:'bob', :'other_issuer', :'bob');
\set first `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "j-1"}'`
\set second `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "j-2"}'`
\set third `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "J-1"}'`
\set others `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"jti": "j-1", "iss": "https://other.example.com"}'`
\set others_second `lib/tokens mint b0b00000-0000-4000-8000-000000000002 600 '{"jti": "j-2", "iss": "https://other.example.com"}'`
CREATE FUNCTION good(token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    RETURN true;
EXCEPTION WHEN invalid_authorization_specification THEN RETURN false;
END $$;

-- A backend that has verified them all, kept as psql's own while others come and go, is in test_sessions_at_once.py.
\ir lib/as_attacker.sql
SELECT t.refused('SELECT warden.revoke_token(''j-1'')', '42501', 'clients revoke no token by its name');
SELECT t.refused('SELECT * FROM warden.revoked_tokens', '42501', 'nor do they see which are');
SELECT t.refused('DELETE FROM warden.revoked_tokens', '42501', 'or take one back');
SELECT t.ok(good(:'first'), 'the first is good');
SELECT t.ok(good(:'second'), 'the second');
SELECT t.ok(good(:'others'), 'and one of another issuer with the same name');

\connect - boss
SELECT t.is(warden.revoke_token('j-1', :'issuer'), true, 'revoked');
SELECT t.is(warden.revoke_token('j-1', :'issuer'), false, 'once');
SELECT t.is(warden.revoke_token('j-1', :'issuer', now() + interval '1 day'), false, 'for longer than it is asked for');
SELECT t.is(string_agg("check" || ': ' || detail, ', '), 'user: revoked', 'explain_token says so') FROM warden.explain_token(:'first') WHERE NOT passed;
SELECT t.is(count(*) FILTER (WHERE NOT passed), 0, 'and nothing of the second') FROM warden.explain_token(:'second');
\connect - app
SELECT t.ok(NOT good(:'first'), 'the first is refused');
SELECT t.refused(format('SELECT warden.verify_token(%L)', :'first'), '28000', 'also by verify_token', '^authentication failed$');
SELECT t.ok(good(:'second'), 'the second is good');
SELECT t.ok(good(:'third'), 'as is one of nearly that name');
SELECT t.ok(good(:'others'), 'and the one of the other issuer');
SELECT t.is(warden.verify_token(:'second') ->> 'jti', 'j-2', 'verify_token verifies it');
SELECT t.ok(good(:'alice_token'), 'a token without a name is nobody''s');

\connect - boss
BEGIN;
SELECT t.is(warden.revoke_token('j-2', expires_at => now() + interval '1 hour'), true, 'of whichever issuer');
ROLLBACK;
\connect - app
SELECT t.ok(good(:'second'), 'rolled back: good');
\connect - boss
SELECT t.is(warden.revoke_token('j-2', expires_at => now() + interval '1 hour'), true, 'again');
SELECT t.is(warden.revoke_token('j-2'), true, 'and for longer');
\connect - app
SELECT t.ok(NOT good(:'second'), 'refused');
SELECT t.ok(NOT good(:'others_second'), 'of either issuer');

-- What would revoke nothing says so.
\connect - boss
SELECT t.refused(format('SELECT warden.revoke_token(%L)', :'alice_token'), '22023', 'a token is no jti');
SELECT t.refused('SELECT warden.revoke_token('''')', '22023', 'nothing is none');
SELECT t.refused('SELECT warden.revoke_token(NULL)', '22023', 'nor NULL');
SELECT t.refused('SELECT warden.revoke_token(E''a\nb'')', '22023', 'nor what no token can have');
SELECT t.refused('SELECT warden.revoke_token(''j-3'', expires_at => now())', '22023', 'an expired token needs none');
SELECT t.refused('SELECT warden.revoke_token(''j-3'', ''https://id.example.com/'')', 'P0002', 'a misspelt issuer');

-- Our own tokens have a jti each.
\connect - postgres
\ir lib/sessions.sql
SELECT begin_session(:'alice', 'phone') AS phone \gset
SELECT session_token(:'phone') AS own, session_token(:'phone') AS own_next \gset
SELECT convert_from(decode(rpad(translate(split_part(:'own', '.', 2), '-_', '+/'), (length(split_part(:'own', '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'jti' AS own_jti \gset
SELECT warden.revoke_token(:'own_jti', 'https://db.example.com', now() + interval '1 hour');
\connect - app
SELECT t.ok(NOT good(:'own'), 'one of them is refused');
SELECT t.ok(good(:'own_next'), 'its session goes on');
\connect - postgres
SELECT t.is(string_agg(object || coalesce(' ' || (detail ->> 'issuer'), ''), ', ' ORDER BY recorded_at), 'j-1 https://id.example.com, j-2, j-2, ' || :'own_jti' || ' https://db.example.com',
    'recorded') FROM warden.audit_log WHERE action = 'revoke_token';

-- What it was exchanged for goes with it: by revoke_token(), by logout(), and with its issuer.
\set e1 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "e-1"}'`
\set e2 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "e-2"}'`
\set e3 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "e-3"}'`
\set e0 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600`
\connect - app
SELECT access_token AS x1 FROM warden.exchange_token(:'e1') \gset
SELECT access_token AS x11 FROM warden.exchange_token(:'x1') \gset
SELECT access_token AS x2 FROM warden.exchange_token(:'e2') \gset
SELECT access_token AS x3 FROM warden.exchange_token(:'e3') \gset
SELECT access_token AS x0 FROM warden.exchange_token(:'e0') \gset
SELECT t.ok(good(:'x11') AND good(:'x2') AND good(:'x3') AND good(:'x0'), 'exchanged tokens are good');
\connect - postgres
SELECT warden.revoke_token('e-1', :'issuer', now() + interval '1 hour');
\connect - app
SELECT t.ok(NOT good(:'x1'), 'revoked: what it was exchanged for too');
SELECT t.ok(NOT good(:'x11'), 'and what that was exchanged for');
SELECT t.ok(warden.logout(:'e2'), 'signed out');
SELECT t.ok(NOT good(:'x2'), 'by the token itself');
SELECT t.ok(good(:'x3') AND good(:'x0'), 'the others are good');
\connect - postgres
SELECT warden.distrust_issuer(:'issuer');
\connect - app
SELECT t.ok(NOT good(:'x3'), 'until the issuer is distrusted');
SELECT t.ok(NOT good(:'x0'), 'those of tokens without a jti too');
SELECT t.ok(good(:'own_next'), 'the session that began here goes on');
SELECT t.done();
