-- N12, of passwords, refresh tokens, exchanged tokens and API keys: one line in the server log for each refusal, with its
-- reason, where the client learns none, and no line for a success.
\ir lib/cast.sql
\ir lib/passwords.sql
SELECT warden.update_user(:'mallory', name => 'mallory');
SELECT warden.create_user(email => 'carol@example.com', name => 'carol') AS carol, warden.create_service_account('robot') \gset
SELECT warden.set_password(:'carol', 'carol has one too');
INSERT INTO warden.users (name, email, synced) VALUES ('one', 'shared@example.com', true), ('two', 'shared@example.com', true);
SELECT warden.ban_ip('203.0.113.9', '1 hour', 'to be refused');
\set stranger_token `lib/tokens mint 57a46e00-0000-4000-8000-000000000009 600`
-- Undoes what the call raises, so that the file goes on; its line in the log stays.
CREATE FUNCTION refuse(call text) RETURNS text LANGUAGE sql AS $$ SELECT t.error(call)->>'sqlstate' $$;
\ir lib/as_attacker.sql

-- The log from here on.
\set start `wc -l < "$WARDEN_LOG"`
\setenv START :start

-- Successes.
SELECT access_token AS alices, refresh_token AS first FROM warden.login('alice', :'alice_password') \gset
SELECT refresh_token AS second FROM warden.refresh(:'first') \gset
SELECT refresh_token AS of_carol, access_token AS carols FROM warden.login('carol', 'carol has one too') \gset
SELECT refresh_token AS over, access_token AS job FROM warden.login('bob', :'bob_password') \gset
SELECT t.ok(access_token IS NOT NULL, 'exchanged') FROM warden.exchange_token(:'alice_token');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT id AS revoked_id, key AS revoked FROM warden.create_api_key('revoked') \gset
SELECT key AS expired FROM warden.create_api_key('expired', expires_at => now() + interval '1 hour') \gset
SELECT warden.revoke_api_key(:'revoked_id');
SELECT t.ok(warden.set_password(:'bob', :'bob_password', :'bob_password'), 'set, which ends his session');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT key AS mallorys FROM warden.create_api_key('mallory''s') \gset
COMMIT;
SELECT warden.authenticate(:'mallorys');
\set lines `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c '@log_of_credentials .*pg_warden refused'`
SELECT t.is(:'lines', '0', 'no success writes a line');

-- login().
SELECT l.error FROM warden.login('nobody', 'a password') AS l;
SELECT l.error FROM warden.login('alice', 'a wrong password') AS l;
SELECT l.error FROM warden.login('alice', repeat('x', 2000)) AS l;
SELECT l.error FROM warden.login('mallory', 'a password') AS l;
SELECT l.error FROM warden.login('robot', 'a password') AS l;
SELECT l.error FROM warden.login('shared@example.com', 'a password') AS l;
SELECT l.error FROM warden.login('alice', :'alice_password', scopes => '{admin}') AS l;
SELECT refuse(format('SELECT warden.login(''alice'', %L, ''203.0.113.9'')', :'alice_password'));
\connect - postgres
SELECT warden.set_user_status(:'carol', 'suspended');
UPDATE warden.api_keys SET expires_at = now() WHERE name = 'expired';
SET warden.max_sessions = 1;
SET warden.evict_sessions = off;
SELECT l.error FROM warden.login('alice', :'alice_password') AS l;
\connect - app
SELECT l.error FROM warden.login('carol', 'carol has one too') AS l;
SELECT l.error FROM warden.login('carol', 'a wrong password') AS l;
SELECT l.error FROM generate_series(1, 6) AS n CROSS JOIN LATERAL warden.login(left('somebody else', 12 + n), 'a password') AS l;

-- refresh().
SELECT r.error FROM warden.refresh('wr_' || repeat('A', 43)) AS r;
SELECT r.error FROM warden.refresh(:'second', '{NULL}') AS r;
SELECT r.error FROM warden.refresh(:'second', '{admin}') AS r;
SELECT r.error FROM warden.refresh(:'first') AS r;
SELECT r.error FROM warden.refresh(:'second') AS r;
SELECT r.error FROM warden.refresh(:'over') AS r;
SELECT r.error FROM warden.refresh(:'of_carol') AS r;

-- exchange_token().
SELECT x.error FROM warden.exchange_token(:'tampered_token') AS x;
SELECT x.error FROM warden.exchange_token(:'expired_token') AS x;
SELECT x.error FROM warden.exchange_token(:'stranger_token') AS x;
SELECT x.error FROM warden.exchange_token(:'alices') AS x;
SELECT x.error FROM warden.exchange_token(:'carols') AS x;
SELECT x.error FROM warden.exchange_token(:'alice_token', '{admin}') AS x;
\connect - postgres
SET warden.max_sessions = 1;
SET warden.evict_sessions = off;
SELECT x.error FROM warden.exchange_token(:'alice_token') AS x;

-- set_password(), of one's own.
\connect - app
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT refuse(format('SELECT warden.set_password(%L, ''a new password'', ''a password'')', :'mallory'));
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT refuse(format('SELECT warden.set_password(%L, ''a new password'', ''a wrong password'')', :'alice')) FROM generate_series(1, 6);
COMMIT;

-- logout().
SELECT warden.logout('wr_' || repeat('A', 43)), warden.logout(:'mallorys'), warden.logout(:'tampered_token');

-- API keys, in place of a token.
\connect - postgres
SELECT warden.set_user_status(:'mallory', 'suspended');
\connect - app
SELECT format('SELECT refuse(%L)', format('SELECT warden.authenticate(%L)', key))
FROM (VALUES (1, 'wk_none'), (2, 'wk_0123456789ab_' || repeat('A', 43)), (3, left(:'mallorys', 16) || repeat('A', 43)), (4, :'revoked'), (5, :'expired'), (6, :'mallorys')) AS k (n, key)
ORDER BY n \gexec

\set lines `tail -n "+$((START + 1))" "$WARDEN_LOG" | sed -n 's/.*@log_of_credentials .*pg_warden refused function=\([a-z_]*\) reason="\([a-z_]*\)".*/\1:\2/p' | tr '\n' ' '`
CREATE FUNCTION pg_temp.reasons(lines text, function text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(split_part(l.line, ':', 2), ', ' ORDER BY l.n) FROM string_to_table(lines, ' ') WITH ORDINALITY AS l (line, n)
    WHERE split_part(l.line, ':', 1) = function
$$;
SELECT t.is(pg_temp.reasons(:'lines', function), expected, 'one line for each refusal of ' || function)
FROM (VALUES
    ('login', 'unknown_user, wrong_password, wrong_password, no_password, not_human, several_users_with_this_email, invalid_scope, banned_address, too_many_sessions, user_not_active, wrong_password, unknown_user, unknown_user, unknown_user, unknown_user, unknown_user, throttled'),
    ('refresh', 'unknown_refresh_token, invalid_scope, invalid_scope, refresh_token_reused, session_over, session_over, user_not_active'),
    ('exchange_token', 'bad_signature, expired, unknown_user, session_over, user_not_active, invalid_scope, too_many_sessions'),
    ('set_password', 'no_password, wrong_password, wrong_password, wrong_password, wrong_password, wrong_password, throttled'),
    ('logout', 'unknown_refresh_token, a_key_has_no_session, bad_signature'),
    ('authenticate', 'malformed_key, unknown_key, wrong_secret_of_key, revoked, expired, user_not_active')
) AS e (function, expected);
\set lines `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep -c '@log_of_credentials .*pg_warden refused'`
SELECT t.is(:'lines', '47', 'and no other');
\set secrets `tail -n "+$((START + 1))" "$WARDEN_LOG" | grep '@log_of_credentials .*pg_warden refused' | grep -cE 'a wrong password|correct horse|wk_|wr_|eyJ'`
SELECT t.is(:'secrets', '0', 'and nothing of a secret in any');
SELECT t.done();
