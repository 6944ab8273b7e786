-- logout(): S2, S8: it ends the session that a verified token belongs to, and nothing by what a token merely says.
\ir lib/cast.sql
\ir lib/passwords.sql
\set foreign `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "alice 1", "session_id": "s1"}'`
\set foreign_2 `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"jti": "alice 2", "session_id": "s1"}'`
\set no_jti `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600`
\ir lib/as_attacker.sql

SELECT access_token AS a, refresh_token AS r FROM warden.login('alice', :'alice_password') \gset one_
SELECT access_token AS a, refresh_token AS r FROM warden.login('alice', :'alice_password') \gset two_
SELECT access_token AS a, refresh_token AS r FROM warden.login('alice', :'alice_password') \gset three_
SELECT access_token AS a, refresh_token AS r FROM warden.login('bob', :'bob_password') \gset bob_
SELECT warden.verify_token(:'one_a') ->> 'session_id' AS one_session, warden.verify_token(:'two_a') ->> 'session_id' AS two_session \gset

-- S8: forged, tampered, of another signature, expired, of an unknown issuer, none at all.
CREATE FUNCTION pg_temp.segment(j jsonb) RETURNS text LANGUAGE sql AS
    $$SELECT rtrim(translate(encode(convert_to(j::text, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')$$;
SELECT t.is(warden.logout(token), false, 'S8: ends nothing: ' || name)
FROM (VALUES
    ('another signature', overlay(:'one_a' placing 'AAAA' from length(:'one_a') - 40)),
    ('no signature', split_part(:'one_a', '.', 1) || '.' || split_part(:'one_a', '.', 2) || '.'),
    ('alg none', pg_temp.segment('{"alg": "none"}') || '.' || split_part(:'one_a', '.', 2) || '.'),
    ('claims of a session under another token''s signature',
        split_part(:'bob_a', '.', 1) || '.' || split_part(:'one_a', '.', 2) || '.' || split_part(:'bob_a', '.', 3)),
    ('a foreign token with the session of alice', :'no_jti'),
    ('a tampered foreign token', overlay(:'foreign' placing 'AAAA' from length(:'foreign') - 40)),
    ('an expired token', :'expired_token'),
    ('a session''s id', :'one_session'), ('an unknown refresh token', 'wr_' || repeat('A', 43)), ('a key', 'wk_0123456789ab_' || repeat('A', 43)),
    ('empty', ''), ('a long text', repeat('x', 1000000))
) AS a (name, token);
-- As another issuer would write it, who names the session of the database.
SELECT format('lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 ''{"session_id": "%s"}''', :'one_session') AS mint \gset
\setenv MINT :mint
\set forged `eval "$MINT"`
SELECT t.is(warden.logout(:'forged'), false, 'S8: another issuer ends no session of ours');
SELECT t.is(warden.logout(), false, 'nobody has no session');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', token), 'nothing was ended') FROM unnest(ARRAY[:'one_a', :'two_a', :'three_a', :'foreign']) AS u (token);
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'bob_a'), 'nor of bob''s');

-- By its refresh token (RFC 7009), rolled back.
BEGIN;
SELECT t.is(warden.logout(:'one_r'), true, 'S2: a refresh token ends its session');
ROLLBACK;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'one_a'), '28000', 'in the next transaction its access token is refused');
SELECT t.is(error, 'invalid_grant', 'and it is not refreshed') FROM warden.refresh(:'one_r');
SELECT t.is(warden.logout(:'one_r'), false, 'S2: once');
SELECT t.is(warden.logout(:'one_a'), false, 'by whatever token');
-- By its access token.
SELECT t.is(warden.logout(:'two_a'), true, 'an access token ends its session');
SELECT t.is(error, 'invalid_grant', 'which is over') FROM warden.refresh(:'two_r');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'three_a'), 'others go on');
-- By the identity; another session is seen to be over under an older snapshot, too.
BEGIN;
SELECT warden.authenticate(:'three_a');
SELECT t.is(warden.logout(:'bob_r'), true, 'whose refresh token it is, his session it ends');
SELECT t.is(warden.current_user_id(), :'alice', 'and not this identity');
SELECT t.is(warden.logout(), true, 'the session of the identity');
SELECT t.is(warden.current_user_id(), NULL, 'which is signed out');
COMMIT;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'three_a'), '28000', 'for good');
SELECT refresh_token AS r, access_token AS a FROM warden.login('alice', :'alice_password') \gset four_
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_class;
SELECT t.is(warden.logout(:'four_r'), true, 'ended within a transaction');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'four_a'), '28000', 'felt by its older snapshot');
ROLLBACK;
-- A used refresh token is still of its session.
SELECT refresh_token AS r FROM warden.login('alice', :'alice_password') \gset five_
SELECT access_token AS a FROM warden.refresh(:'five_r') \gset five_
SELECT t.is(warden.logout(:'five_r'), true, 'a token that was used up ends its session, too');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'five_a'), '28000', 'which is over');

-- A token of another issuer is revoked by its jti.
BEGIN;
SELECT warden.authenticate(:'foreign');
SELECT t.is(warden.logout(), false, 'the session of another issuer is not ours to end');
ROLLBACK;
BEGIN;
SELECT t.is(warden.logout(:'foreign'), true, 'its token is');
ROLLBACK;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'foreign'), '28000', 'refused from then on');
SELECT t.is(warden.logout(:'foreign'), false, 'once');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'foreign_2'), 'another token is good');
\connect - postgres
SELECT t.is(count(*), 1, 'it is forgotten when it has expired anyway') FROM warden.revoked_tokens r
WHERE r.jti = 'alice 1' AND r.issuer = :'issuer' AND r.expires_at BETWEEN now() + interval '5 minutes' AND now() + interval '11 minutes';
SELECT t.is(string_agg(DISTINCT s.end_reason, ','), 'logout', 'the reason is kept') FROM warden.sessions s;
SELECT t.is(count(*), 7, 'and each is on the record') FROM warden.audit_log WHERE action = 'logout';
SELECT t.done();
