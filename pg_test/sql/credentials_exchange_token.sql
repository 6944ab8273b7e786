-- exchange_token() (RFC 8693): a token of the database for another one; only narrower, never longer than what it comes from.
\ir lib/cast.sql
\ir lib/passwords.sql
\set scoped `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "user billing openid"}'`
\set unknown_scopes `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"scope": "read:messages openid"}'`
\set of_client `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"azp": "web"}'`
\set acting `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"act": {"sub": "b0b00000-0000-4000-8000-000000000002"}}'`
\set tenant `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"tenant_id": "7e4a4700-0000-4000-8000-000000000001"}'`
\ir lib/as_attacker.sql

-- Somebody who signs in elsewhere.
SELECT * FROM warden.exchange_token(:'alice_token') \gset
SELECT t.is(row(:'issued_token_type', :'token_type', :'expires_in', :'scope')::text,
    '(urn:ietf:params:oauth:token-type:access_token,Bearer,900,"agents:read tools:execute user")', 'the names of RFC 8693');
BEGIN;
SELECT t.is(warden.authenticate(:'access_token'), :'alice', 'acts for the same user');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'tools:execute', 'user', 'user:' || :'alice'], 'with the scopes of the user, where the token states none');
COMMIT;
\connect - postgres
SELECT t.is(row(s.kind, s.parent_id, s.idle_expires_at)::text, '(exchange,,infinity)', 'of a session of its own')
FROM warden.sessions s WHERE s.user_id = :'alice';
SELECT t.is(count(*), 0, 'without a refresh token') FROM warden.refresh_tokens;
SELECT t.ok(u.last_login_at IS NULL, 'U7: which is no login') FROM warden.users u WHERE u.id = :'alice';
\connect - app

-- Scopes: of both, and fewer.
SELECT t.is(scope, 'user', 'no more than the token and the user have') FROM warden.exchange_token(:'scoped');
SELECT t.is(error, 'invalid_scope', 'more is refused: ' || asked) FROM unnest('{admin,agents:read,openid}'::text[]) AS a (asked)
CROSS JOIN LATERAL warden.exchange_token(:'scoped', ARRAY['user', asked]);
SELECT t.is(scope, 'agents:read tools:execute user', 'R3: nor more than the client may have') FROM warden.exchange_token(:'of_client');
\connect - postgres
SELECT warden.register_client('web', '{user}');
\connect - app
SELECT t.is(scope, 'user', 'R3: once it is registered') FROM warden.exchange_token(:'of_client');
SELECT t.is(error, 'invalid_scope', 'where they share none, there is none') FROM warden.exchange_token(:'unknown_scopes');
SELECT access_token AS narrow FROM warden.exchange_token(:'alice_token', '{user}') \gset
SELECT t.is(scope, 'user', 'a narrow token gives a narrow one') FROM warden.exchange_token(:'narrow');
SELECT t.is(error, 'invalid_scope', 'and no wider one') FROM warden.exchange_token(:'narrow', '{user,agents:read}');

-- Who acts, and where, is not left behind.
SELECT access_token AS acting FROM warden.exchange_token(:'acting') \gset
SELECT access_token AS of_tenant FROM warden.exchange_token(:'tenant') \gset
BEGIN;
SELECT warden.authenticate(:'acting');
SELECT t.is(row(warden.current_user_id(), warden.current_actor_id())::text, row(:'alice'::uuid, :'bob'::uuid)::text, 'bob still acts for alice');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'of_tenant');
SELECT t.is(warden.current_tenant_id(), '7e4a4700-0000-4000-8000-000000000001', 'in the same tenant');
COMMIT;

-- A long job: as long as asked for, up to the setting; and no longer than the session it comes from.
SELECT t.is(expires_in, 28800, 'eight hours') FROM warden.exchange_token(:'alice_token', expires_in => '8 hours');
SELECT t.is(expires_in, 86400, 'a year is a day') FROM warden.exchange_token(:'alice_token', expires_in => '1 year');
SELECT t.is(error, 'invalid_request', 'no time is none') FROM unnest('{0,-1s,500ms}'::interval[]) AS i (interval) CROSS JOIN LATERAL warden.exchange_token(:'alice_token', expires_in => interval);
SELECT access_token AS short FROM warden.exchange_token(:'alice_token', expires_in => '100 seconds') \gset
SELECT access_token AS chained, expires_in AS chained_in FROM warden.exchange_token(:'short', expires_in => '8 hours') \gset
SELECT t.ok(:chained_in BETWEEN 60 AND 100, 'a token of a token ends with the first');
-- It ends with the session it comes from.
SELECT access_token AS login, refresh_token AS rt FROM warden.login('alice', :'alice_password') \gset
SELECT access_token AS job FROM warden.exchange_token(:'login', '{user}', '8 hours') \gset
SELECT access_token AS part FROM warden.exchange_token(:'job', NULL, '1 hour') \gset
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'part'), 'a part of a job');
SELECT t.is(warden.logout(:'rt'), true, 'who signs out');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'login'), '28000', 'ends his session');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'job'), '28000', 'and what came of it');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'part'), '28000', 'and what came of that');

-- E5: what is revoked between the look at the token and the beginning of its session does not come back by it.
\connect - postgres
CREATE FUNCTION begun(options jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(a.answer ->> 'error', 'begun') FROM warden.autonomously('begin_session', '{"user_id": "a11ce000-0000-4000-8000-000000000001",
        "kind": "exchange", "scopes": ["user"], "lifetime": "1 hour", "idle_timeout": "0", "max_sessions": 0, "evict": true}' || options) AS a (answer)
$$;
SELECT id AS ended FROM warden.sessions WHERE end_reason = 'logout' LIMIT 1 \gset
INSERT INTO warden.sessions (user_id, kind, scopes, expires_at) VALUES (:'alice', 'login', '{user}', now() + interval '1 hour'), (:'bob', 'login', '{user}', now() + interval '1 hour');
SELECT id AS living FROM warden.sessions WHERE kind = 'login' AND user_id = :'alice' AND ended_at IS NULL LIMIT 1 \gset
SELECT id AS bobs FROM warden.sessions WHERE user_id = :'bob' LIMIT 1 \gset
SELECT t.is(begun(jsonb_build_object('parent_id', :'living')), 'begun', 'of a session that goes on');
SELECT t.is(begun(jsonb_build_object('parent_id', :'ended')), 'session_over', 'not of one that is over');
SELECT t.is(begun(jsonb_build_object('parent_id', :'bobs')), 'session_over', 'nor of another user''s');
UPDATE warden.users SET tokens_valid_after = to_timestamp(1000), kept_session = 's-1' WHERE id = :'alice';
INSERT INTO warden.revoked_tokens (jti, issuer) VALUES ('j-1', :'issuer'), ('j-2', NULL);
SELECT t.is(begun(jsonb_build_object('subject', s.subject || jsonb_build_object('issuer', :'issuer'))), s.answer, s.subject::text) FROM (VALUES
    ('{"issued_at": 1000, "session": null, "jti": null}'::jsonb, 'begun'), ('{"issued_at": 999, "session": "s-1", "jti": "j-3"}', 'begun'),
    ('{"issued_at": 999, "session": "s-2", "jti": null}', 'issued_before_tokens_valid_after'), ('{"issued_at": 999}', 'issued_before_tokens_valid_after'),
    ('{"issued_at": 1000, "jti": "j-1"}', 'revoked'), ('{"issued_at": 1000, "jti": "j-2"}', 'revoked')) AS s (subject, answer);
SELECT t.is(begun('{"subject": {"issuer": "https://nobody.example.com", "issued_at": 1000}}'), 'unknown_issuer', 'nor of an issuer that is not trusted');
UPDATE warden.users SET tokens_valid_after = DEFAULT, kept_session = NULL WHERE id = :'alice';
-- Jobs make room for each other, not what they come of.
ALTER DATABASE credentials_exchange_token SET warden.max_sessions = 1;
\connect - app
SELECT access_token AS only FROM warden.login('alice', :'alice_password') \gset
SELECT access_token AS first_job FROM warden.exchange_token(:'only') \gset
SELECT access_token AS of_first FROM warden.exchange_token(:'first_job') \gset
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'of_first'), 'a job of a job');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'first_job'), 'leaves the first');
SELECT access_token AS second_job FROM warden.exchange_token(:'only') \gset
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'only'), 'nobody is signed out by a job');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'second_job'), 'the newest goes on');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'first_job'), '28000', 'another one has made room');
\connect - postgres
ALTER DATABASE credentials_exchange_token RESET warden.max_sessions;
\connect - app

-- What is exchanged for nothing.
SELECT t.is(e::text, '(,,,,,invalid_grant,"authentication failed")', 'refused: ' || left(token, 12))
FROM unnest(ARRAY[:'expired_token', :'tampered_token', :'job', 'x', 'wr_' || repeat('A', 43)]) AS a (token) CROSS JOIN LATERAL warden.exchange_token(token) AS e;
SELECT t.is(e.error || ': ' || e.error_description, 'invalid_request: an API key is used as it is', 'a key') FROM warden.exchange_token('wk_0123456789ab_' || repeat('A', 43)) AS e;
SELECT t.is(e.error, 'invalid_request', 'nothing') FROM unnest(ARRAY[NULL, '']) AS a (token) CROSS JOIN LATERAL warden.exchange_token(token) AS e;
\connect - boss
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.is(error, 'invalid_grant', 'U2: of whom is suspended') FROM warden.exchange_token(:'alice_token');

-- A user whom an issuer names for the first time.
\connect - postgres
\set newcomer `lib/tokens mint somebody-new 600`
SELECT warden.distrust_issuer(:'issuer');
SELECT warden.trust_issuer(:'issuer', :'jwks', '{api}', subject_is => 'subject', provision => true);
\connect - app
BEGIN;
SELECT * FROM warden.exchange_token(:'newcomer') \gset new_
ROLLBACK;
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'new_access_token'), 'becomes a user, and has a token, whatever is rolled back');
SELECT t.done();
