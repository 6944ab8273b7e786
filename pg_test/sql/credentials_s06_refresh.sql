-- refresh(): S6, and E7: one use each, a replay ends the family, no more scopes than before, nobody who is suspended.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/as_attacker.sql

SELECT * FROM warden.login('alice', :'alice_password') \gset first_
SELECT * FROM warden.refresh(:'first_refresh_token') \gset second_
SELECT t.ok(:'first_refresh_token' <> :'second_refresh_token' AND :'first_access_token' <> :'second_access_token', 'S6: each refresh gives new tokens');
SELECT t.is(row(:'second_token_type', :'second_expires_in', :'second_scope')::text, row('Bearer', '900', 'agents:read tools:execute user')::text, 'with the names of OAuth 2.0');
BEGIN;
SELECT t.is(warden.authenticate(:'second_access_token'), :'alice', 'the new token is good');
SELECT warden.current_session_id() AS session \gset
COMMIT;
BEGIN;
SELECT t.is(warden.authenticate(:'first_access_token'), :'alice', 'and the old one until its end');
SELECT t.is(warden.current_session_id(), :'session', 'of the same session');
COMMIT;

-- E7: used twice, in a transaction that is rolled back.
BEGIN;
SELECT t.is(error, 'invalid_grant', 'E7: a token that was used is refused') FROM warden.refresh(:'first_refresh_token');
ROLLBACK;
SELECT t.is(error, 'invalid_grant', 'and its successor is dead, whoever has it') FROM warden.refresh(:'second_refresh_token');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'second_access_token'), '28000', 'as is its access token');
\connect - postgres
SELECT t.is(s.end_reason, 'reused', 'the session is ended') FROM warden.sessions s WHERE s.id = :'session';
SELECT t.is(count(*), 1, 'on the record') FROM warden.audit_log WHERE action = 'refresh_token_reused';

-- Rolled back: what was used up stays used, and what was given is good.
\connect - app
SELECT * FROM warden.login('alice', :'alice_password') \gset first_
BEGIN;
SELECT * FROM warden.refresh(:'first_refresh_token') \gset second_
ROLLBACK;
SELECT * FROM warden.refresh(:'second_refresh_token') \gset third_
SELECT t.matches(:'third_refresh_token', '^wr_', 'a refresh is not undone by a rollback');

-- Scopes: never more, and not used up by asking for more.
SELECT t.is(r.error, 'invalid_scope', 'S6: more scopes are refused: ' || asked)
FROM unnest(ARRAY['{user,admin}', '{admin}', '{}', '{user,NULL}']) AS a (asked)
CROSS JOIN LATERAL warden.refresh(:'third_refresh_token', asked::text[]) AS r;
SELECT * FROM warden.refresh(:'third_refresh_token', '{user,agents:read}') \gset fourth_
SELECT t.is(:'fourth_scope', 'agents:read user', 'fewer are granted, and the token was not used up');
SELECT t.is(error, 'invalid_scope', 'what was given up is not had again') FROM warden.refresh(:'fourth_refresh_token', '{user,tools:execute}');
SELECT * FROM warden.refresh(:'fourth_refresh_token') \gset fifth_
SELECT t.is(:'fifth_scope', 'agents:read user', 'NULL is for as before');
BEGIN;
SELECT warden.authenticate(:'fifth_access_token');
SELECT t.is(warden.current_scopes(), ARRAY['agents:read', 'user', 'user:' || :'alice'], 'the token has them');
COMMIT;

-- A role that is lost is not in the next token.
\connect - boss
SELECT warden.assign_role(:'alice', 'admin');
\connect - app
SELECT * FROM warden.login('alice', :'alice_password') \gset as_admin_
SELECT t.is(:'as_admin_scope', 'admin agents:read tools:execute user users:act_as', 'an admin of the application');
\connect - boss
SELECT warden.assign_role(:'bob', 'owner'), warden.revoke_role(:'alice', 'admin');
\connect - app
SELECT t.is(error, 'invalid_scope', 'who no longer is one does not get the scope') FROM warden.refresh(:'as_admin_refresh_token', '{admin}');
SELECT * FROM warden.refresh(:'as_admin_refresh_token') \gset no_admin_
SELECT t.is(:'no_admin_scope', 'agents:read tools:execute user', 'nor is it in what is given');

-- E7: after suspension; and it is the same token that goes on when that is over.
\connect - boss
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.is(r::text, '(,,,,,invalid_grant,"authentication failed",)', 'E7: not while suspended') FROM warden.refresh(:'no_admin_refresh_token') AS r;
\connect - boss
SELECT warden.set_user_status(:'alice', 'active');
\connect - app
SELECT * FROM warden.refresh(:'no_admin_refresh_token') \gset again_
SELECT t.matches(:'again_refresh_token', '^wr_', 'but after it');

-- A token never outlives its session; what is over is not refreshed.
\connect - postgres
SELECT s.id AS session FROM warden.sessions s ORDER BY s.started_at DESC LIMIT 1 \gset
UPDATE warden.sessions s SET expires_at = clock_timestamp() + interval '100 seconds' WHERE s.id = :'session';
\connect - app
SELECT * FROM warden.refresh(:'again_refresh_token') \gset last_
SELECT t.ok(:last_expires_in BETWEEN 60 AND 100, 'the last token of a session ends with it');
SELECT t.ok((warden.verify_token(:'last_access_token') ->> 'exp')::bigint <= extract(epoch FROM clock_timestamp()) + 100, 'as the token says itself');
\connect - postgres
UPDATE warden.sessions s SET expires_at = clock_timestamp() WHERE s.id = :'session';
\connect - app
SELECT t.is(error, 'invalid_grant', 'S3: not refreshed at its end') FROM warden.refresh(:'last_refresh_token');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'last_access_token'), '28000', 'when its last token is over, too');
\connect - postgres
UPDATE warden.sessions s SET expires_at = clock_timestamp() + interval '1 hour', idle_expires_at = clock_timestamp() WHERE s.id = :'session';
\connect - app
SELECT t.is(error, 'invalid_grant', 'S3: nor after idleness') FROM warden.refresh(:'last_refresh_token');
\connect - postgres
UPDATE warden.sessions s SET idle_expires_at = clock_timestamp() + interval '1 hour' WHERE s.id = :'session';
\connect - app
SELECT t.is(error, NULL, 'while it goes on, it is') FROM warden.refresh(:'last_refresh_token');

-- What is no refresh token of anybody.
SELECT t.is(r.error, 'invalid_grant', 'refused: ' || left(token, 20))
FROM unnest(ARRAY['x', 'wr_', 'wr_' || repeat('A', 43), 'wk_' || repeat('A', 43), :'last_access_token', upper(:'last_refresh_token'),
                  :'last_refresh_token' || ' ', repeat('wr_', 100000)]) AS a (token)
CROSS JOIN LATERAL warden.refresh(token) AS r;
SELECT t.is(r.error, 'invalid_request', 'none') FROM unnest(ARRAY[NULL, '']) AS a (token) CROSS JOIN LATERAL warden.refresh(token) AS r;
SELECT t.done();
