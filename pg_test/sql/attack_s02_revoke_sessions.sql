-- S2, S4, S8, U2, E5, D12: when a revocation has returned, the same token is refused in the next transaction, whatever becomes of
-- the one that revoked; another user's session is one that does not exist; and a token that is not good revokes nothing.
\ir lib/cast.sql
\ir lib/sessions.sql
SELECT warden.add_admin_role('boss');
SELECT begin_session(:'alice', 'phone') AS phone, begin_session(:'alice', 'laptop') AS laptop, begin_session(:'alice', 'tv') AS tv,
       begin_session(:'bob', 'of bob') AS bobs, begin_session(:'alice', 'over') AS over \gset
SELECT begin_session(:'alice', 'job', jsonb_build_object('kind', 'exchange', 'parent_id', :'laptop')) AS job \gset
SELECT begin_session(:'alice', 'job of job', jsonb_build_object('kind', 'exchange', 'parent_id', :'job')) AS job_of_job \gset
UPDATE warden.sessions SET expires_at = clock_timestamp() WHERE id = :'over';
SELECT session_token(:'phone') AS phone_token, session_token(:'laptop') AS laptop_token, session_token(:'tv') AS tv_token,
       session_token(:'bobs') AS bobs_token, session_token(:'job_of_job') AS job_token, session_token(:'over') AS over_token \gset
CREATE FUNCTION good(token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.authenticate(token);
    PERFORM warden.sign_out();
    RETURN true;
EXCEPTION WHEN invalid_authorization_specification THEN RETURN false;
END $$;

\ir lib/as_attacker.sql
SELECT t.ok(good(:'phone_token'), 'the phone''s token is good');
SELECT t.ok(good(:'laptop_token'), 'the laptop''s');
SELECT t.ok(good(:'job_token'), 'and what came of it');
SELECT t.ok(NOT good(:'over_token'), 'at its end a session is over');

-- Nobody revokes nothing, and neither does who only shows a token that is not good: what it says is not read (S8).
SELECT t.refused(format('SELECT warden.revoke_session(%L)', :'phone'), '28000', 'nobody revokes no session', 'nobody is signed in');
SELECT t.refused('SELECT warden.revoke_all_sessions()', '28000', 'nor all');
SELECT t.refused(format('SELECT warden.revoke_all_sessions(%L)', :'alice'), '28000', 'of nobody else');
\set forged `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"iss": "https://db.example.com", "aud": "https://db.example.com", "session_id": "00000000-0000-4000-8000-000000000001"}'`
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'forged'), '28000', 'a forged token');
SELECT t.refused(format('SELECT warden.revoke_session(%L)', :'phone'), '28000', 'revokes nothing');
COMMIT;
BEGIN;
SELECT t.refused(format('SELECT warden.authenticate(%L)', overlay(:'phone_token' placing 'AAAA' from length(:'phone_token') - 40)), '28000', 'nor does one with another signature');
SELECT t.refused('SELECT warden.revoke_all_sessions()', '28000', 'revoke all');
COMMIT;
SELECT t.ok(good(:'phone_token'), 'the session goes on');

-- Bob and alice's sessions: as if they were not there.
BEGIN;
SELECT warden.authenticate(:'bobs_token');
SELECT t.is(warden.revoke_session(:'phone'), false, 'bob does not revoke alice''s session');
SELECT t.is(warden.revoke_session(gen_random_uuid()), false, 'as none that never was');
SELECT t.is(warden.revoke_session(NULL), false, 'and NULL is none, not all');
SELECT t.is(t.error(format('SELECT warden.revoke_all_sessions(%L)', :'alice')) - 'context', t.error('SELECT warden.revoke_all_sessions(gen_random_uuid())') - 'context', 'nor all of hers');
SELECT t.refused(format('SELECT warden.revoke_all_sessions(%L)', :'alice'), 'P0002', 'who is nobody', '^user not found$');
SELECT t.refused(format('SELECT warden.revoke_all_sessions(%L, true, true)', :'alice'), 'P0002', 'however he asks');
COMMIT;
SELECT t.is(end_of(:'phone') || end_of(:'bobs'), 'goes ongoes on', 'both go on');

-- One, and a rollback does not bring it back; the job that came of it ends with it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT warden.authenticate(:'phone_token');
SELECT t.is(warden.revoke_session(:'laptop'), true, 'alice revokes the laptop from her phone');
SELECT t.is(warden.revoke_session(:'laptop'), false, 'once');
SELECT t.is(warden.revoke_session(:'over'), false, 'and none that is over');
ROLLBACK;
SELECT t.ok(NOT good(:'laptop_token'), 'rolled back or not, its token is refused');
SELECT t.ok(NOT good(:'job_token'), 'so is that of the job of a job of it');
SELECT t.ok(good(:'phone_token') AND good(:'tv_token'), 'the others are good');
SELECT t.is(end_of(:'laptop'), 'revoked', 'the row stays, and says so');
BEGIN READ ONLY;
SELECT warden.authenticate(:'phone_token');
SELECT t.is(warden.revoke_session(:'phone'), true, 'a session revokes itself, also where the transaction only reads');
SELECT t.is(seen(), 'alice 1, alice 2, alice 3', 'what has begun may finish');
COMMIT;
SELECT t.ok(NOT good(:'phone_token'), 'and not begin again');

-- All of them but this one.
\connect - postgres
SELECT begin_session(:'alice', 'second') AS second, begin_session(:'alice', 'third') AS third \gset
SELECT begin_session(:'alice', 'of third', jsonb_build_object('kind', 'exchange', 'parent_id', :'third')) AS of_third \gset
SELECT session_token(:'second') AS second_token, session_token(:'third') AS third_token, session_token(:'of_third') AS of_third_token \gset
\set with_sid `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"sid": "s-1"}'`
\set with_other_sid `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"sid": "s-2"}'`
\connect - app
BEGIN;
SELECT warden.authenticate(:'of_third_token');
SELECT t.is(warden.revoke_all_sessions(keep_current => true), 3, 'all but this one: tv, second, third');
ROLLBACK;
SELECT t.ok(good(:'of_third_token'), 'this one stays, also where the session it came of is gone');
SELECT t.ok(NOT good(:'second_token'), 'the others are over: second_token');
SELECT t.ok(NOT good(:'third_token'), 'the others are over: third_token');
SELECT t.ok(NOT good(:'tv_token'), 'the others are over: tv_token');
SELECT t.ok(NOT good(:'alice_token'), 'tokens of other issuers too: alice_token');
SELECT t.ok(NOT good(:'with_sid'), 'tokens of other issuers too: with_sid');
SELECT t.ok(good(:'bobs_token'), 'bob''s are not');
SELECT t.ok(good(:'bob_token'), 'of neither issuer');
BEGIN;
SELECT warden.authenticate(:'of_third_token');
SELECT t.is(warden.revoke_all_sessions(keep_current => true), 0, 'the second time there is none');
SELECT t.is(warden.revoke_all_sessions(:'alice'), 1, 'without keep_current it goes too');
SELECT t.refused('SELECT warden.revoke_all_sessions()', '28000', 'once: what it was signed in by is over', '^authentication failed$');
COMMIT;
SELECT t.ok(NOT good(:'of_third_token'), 'now it is over');

-- Of another issuer: one session by its name, where the token has one. iat has whole seconds.
SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + 2 AS later \gset
\setenv LATER :later
\set new_sid `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"sid": "s-1", "iat": '$LATER'}'`
\set new_other `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"sid": "s-2", "iat": '$LATER'}'`
\set new_nameless `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"iat": '$LATER'}'`
SELECT t.ok(good(:'new_nameless'), 'a token issued after that is good');
BEGIN;
SELECT warden.authenticate(:'new_nameless');
SELECT t.refused('SELECT warden.revoke_all_sessions(keep_current => true)', '55000', 'what names no session cannot be kept');
COMMIT;
\connect - postgres
UPDATE warden.users SET tokens_valid_after = now() - interval '1 hour' WHERE id = :'alice';
\connect - app
SELECT t.ok(good(:'with_sid') AND good(:'with_other_sid') AND good(:'alice_token'), 'three tokens');
BEGIN;
SELECT warden.authenticate(:'with_sid');
SELECT t.is(warden.revoke_all_sessions(keep_current => true), 0, 'none is a session of ours');
COMMIT;
SELECT t.ok(good(:'with_sid'), 'the named session is kept');
SELECT t.ok(NOT good(:'with_other_sid'), 'the others are not: with_other_sid');
SELECT t.ok(NOT good(:'alice_token'), 'the others are not: alice_token');
SELECT t.ok(NOT good(:'over_token'), 'nor comes back what was over');

-- An administrator: anybody's, in his own transaction.
\connect - postgres
SELECT begin_session(:'bob', 'two') AS two \gset
SELECT session_token(:'two') AS two_token \gset
\connect - boss
SELECT t.refused('SELECT warden.revoke_all_sessions()', '22023', 'an administrator says whose');
SELECT t.refused('SELECT warden.revoke_all_sessions(gen_random_uuid())', 'P0002', 'who must be there');
SELECT t.refused(format('SELECT warden.revoke_all_sessions(%L, keep_current => true)', :'bob'), '55000', 'and keeps none, having none');
BEGIN;
SELECT t.is(warden.revoke_session(:'two'), true, 'he revokes bob''s');
ROLLBACK;
SELECT t.is(warden.revoke_session(:'two'), true, 'undone by his rollback');
SELECT t.is(warden.revoke_session(:'two'), false, 'and again');
SELECT t.is(warden.revoke_session(gen_random_uuid()), false, 'one that is not there');
BEGIN;
SELECT warden.set_user_status(:'bob', 'suspended');
SELECT t.is(warden.revoke_all_sessions(:'bob'), 1, 'together with what else he does to him');
COMMIT;
\connect - app
SELECT t.ok(NOT good(:'two_token'), 'bob is out: two_token');
SELECT t.ok(NOT good(:'bobs_token'), 'bob is out: bobs_token');
SELECT t.ok(NOT good(:'bob_token'), 'bob is out: bob_token');

-- U2: a status that is not active is felt by the next transaction, and so is its return.
\connect - postgres
SELECT warden.set_user_status(:'bob', 'active');
SELECT begin_session(:'bob', 'three') AS three \gset
SELECT session_token(:'three') AS three_token \gset
\connect - app
SELECT t.ok(good(:'three_token'), 'a new session of bob');
\connect - postgres
SELECT warden.set_user_status(:'bob', 'inactive');
\connect - app
SELECT t.ok(NOT good(:'three_token'), 'inactive: refused');
\connect - postgres
SELECT warden.set_user_status(:'bob', 'pending');
\connect - app
SELECT t.ok(NOT good(:'three_token'), 'pending: refused');
\connect - postgres
SELECT warden.set_user_status(:'bob', 'active');
\connect - app
SELECT t.ok(good(:'three_token'), 'active again: good');
\connect - postgres
SELECT warden.delete_user(:'bob');
\connect - app
SELECT t.ok(NOT good(:'three_token'), 'deleted: refused');

-- A user that is linked to an issuer has sessions of ours all the same.
\connect - postgres
SELECT begin_session(:'alice', 'linked') AS linked \gset
SELECT session_token(:'linked') AS linked_token \gset
SELECT warden.link_identity(:'alice', 'https://elsewhere.example.com', 'google|1');
\connect - app
SELECT t.ok(good(:'linked_token'), 'a linked user''s session is good');

\connect - postgres
SELECT t.is(string_agg(action || ' ' || database_role || ' ' || n, ', ' ORDER BY action, database_role),
    'revoke_all_sessions app 4, revoke_all_sessions boss 1, revoke_session app 2, revoke_session boss 1, revoke_session postgres 0',
    'each that did something is recorded')
FROM (SELECT action, r AS database_role, count(a.action) FILTER (WHERE a.database_role = r) AS n
      FROM (VALUES ('revoke_all_sessions', 'app'), ('revoke_all_sessions', 'boss'), ('revoke_session', 'app'), ('revoke_session', 'boss'), ('revoke_session', 'postgres')) AS e (action, r)
      LEFT JOIN warden.audit_log a USING (action) GROUP BY 1, 2) AS recorded;
SELECT t.is(count(*) FILTER (WHERE user_id <> object::uuid), 0, 'with who did it') FROM warden.audit_log WHERE action LIKE 'revoke%' AND database_role = 'app';
SELECT t.done();
