-- set_password() and setup_owner(): G9 (password reset by an administrator, first run), E10 of their arguments in errors.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/hold.sql
\ir lib/as_attacker.sql

-- A user changes his own: with the current one, and his other sessions end.
SELECT access_token AS here, refresh_token AS here_rt FROM warden.login('alice', :'alice_password') \gset
SELECT access_token AS there, refresh_token AS there_rt FROM warden.login('alice', :'alice_password') \gset
BEGIN;
SELECT warden.authenticate(:'here');
SELECT t.refused(format('SELECT warden.set_password(%L, %L)', :'alice', 'a new password'), '28000', 'not without the current one');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'a new password', 'wrong'), '28000', 'nor with a wrong one', 'authentication failed');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'short', :'alice_password'), '22023', 'nor a short one', 'password is too short');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', repeat('x', 1025), :'alice_password'), '22023', 'nor an endless one', 'password is too long');
SELECT t.is(count(DISTINCT t.error(format('SELECT warden.set_password(%L, %L, %L)', id, 'a new password', :'alice_password')) - 'context'), 1,
    'for bob the same answer as for nobody') FROM unnest(ARRAY[:'bob', gen_random_uuid()]::uuid[]) AS u (id);
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'bob', 'a new password', :'bob_password'), '42501', 'also with bob''s password');
SELECT t.refused(format('SELECT warden.set_password(NULL, %L, %L)', 'a new password', :'alice_password'), '42501', 'and for NULL');
SELECT t.is(warden.set_password(:'alice', 'a new password', :'alice_password'), true, 'with it, yes');
ROLLBACK;
SELECT t.is(error, NULL, 'at once, whatever becomes of the transaction') FROM warden.login('alice', 'a new password');
SELECT t.is(error, 'invalid_grant', 'the old one is no more') FROM warden.login('alice', :'alice_password');
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'here'), 'this session goes on');
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'there'), '28000', 'the others are over');
SELECT t.is(error, 'invalid_grant', 'and not refreshed') FROM warden.refresh(:'there_rt');
SELECT t.is(error, NULL, 'while this one is') FROM warden.refresh(:'here_rt');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'a new password', 'a new password'), '28000', 'nobody is signed in');

-- Guessing the current one by a token that somebody found: as slow as signing in.
BEGIN;
SELECT warden.authenticate(:'here');
SELECT t.is(string_agg(t.error(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'the attacker''s', 'guess')) ->> 'sqlstate', ' '),
    '28000 28000 28000 28000 28000 53400 53400', 'F5: five guesses, and then to wait') FROM generate_series(1, 7);
SELECT t.is(held(t.error(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'the attacker''s', 'guess')) ->> 'detail'), '1', 'as long as the detail says');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'still another', 'a new password'), '53400', 'with the right one, too');
ROLLBACK;

-- An identity that a gateway states, or that acts for somebody, proves nothing about the password either.
\set acting `lib/tokens mint a11ce000-0000-4000-8000-000000000001 600 '{"act": {"sub": "b0b00000-0000-4000-8000-000000000002"}}'`
\connect - postgres
DELETE FROM warden.attempts;
\connect - app
BEGIN;
SELECT warden.authenticate(:'acting');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'bob was here', 'a new password'), '42501', 'who acts for alice does not');
ROLLBACK;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'alice', 'the gateway''s', ''), '28000', 'a gateway does not without the current one');
SELECT t.is(warden.set_password(:'alice', 'by the gateway', 'a new password'), true, 'and does with it');
COMMIT;
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'here'), '28000', 'all sessions are other ones then');
-- A user without a password has nothing to prove it by.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.refused(format('SELECT warden.set_password(%L, %L, %L)', :'mallory', 'long enough', 'x'), '28000', 'who has none is given one by an administrator');
ROLLBACK;

-- G9: an administrator resets it, and all sessions end; as part of the transaction.
SELECT access_token AS here FROM warden.login('alice', 'by the gateway') \gset
\connect - boss
BEGIN;
SELECT t.is(warden.set_password(:'alice', 'reset by the boss'), true, 'an administrator needs no current one');
ROLLBACK;
\connect - app
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'here'), 'rolled back: nothing was changed');
\connect - boss
BEGIN;
SELECT warden.create_user(email => 'dora@example.com') AS dora \gset
SELECT t.is(warden.set_password(:'dora', 'for the new user'), true, 'a user of this very transaction is given one');
COMMIT;
SELECT warden.set_password(:'alice', 'reset by the boss');
SELECT t.refused(format('SELECT warden.set_password(%L, %L)', gen_random_uuid(), 'long enough'), 'P0002', 'not nobody');
SELECT warden.delete_user(:'dora');
SELECT t.refused(format('SELECT warden.set_password(%L, %L)', :'dora', 'long enough'), 'P0002', 'nor who is deleted');
SELECT t.refused(format('SELECT warden.set_password(%L, %L)', :'alice', '1234567'), '22023', 'seven characters are too few for him too');
SELECT t.is(warden.set_password(:'alice', '12345678'), true, 'eight are enough');
SELECT t.is(count(*), 4, 'each is on the record, without the password') FROM warden.audit_log a
WHERE a.action = 'set_password' AND a.object = :'alice' AND a.database_role IN ('boss', 'app', 'gateway') AND a.detail ?& '{sessions}' AND a.detail - 'sessions' = '{}';
\connect - app
SELECT t.refused(format('SELECT warden.authenticate(%L)', :'here'), '28000', 'committed: all sessions are over');
SELECT t.is(error, NULL, 'and the new password is good') FROM warden.login('alice', '12345678');
-- A reset ends the delay as well.
SELECT count(*) FROM generate_series(1, 9) AS i CROSS JOIN LATERAL warden.login('alice', 'x' || i);
SELECT t.is(error, 'slow_down', 'too many failures') FROM warden.login('alice', '12345678');
\connect - boss
SELECT warden.set_password(:'alice', :'alice_password');
\connect - app
SELECT t.is(error, NULL, 'none after a reset') FROM warden.login('alice', :'alice_password');

-- The user is deleted for good: the password is, too.
\connect - postgres
SELECT t.is(count(*), 1, 'kept') FROM warden.passwords WHERE user_id = :'bob';
DELETE FROM warden.users WHERE id = :'bob';
SELECT t.is(count(*), 0, 'and forgotten') FROM warden.passwords WHERE user_id = :'bob';

-- F5: a new password forgives guesses at oneself, not at whose email one's name is.
\connect - postgres
SELECT warden.create_user(email => 'dora@victim.example.com') AS victim, warden.create_user(name => 'namesake') AS namesake \gset
UPDATE warden.users SET name = 'dora@victim.example.com' WHERE id = :'namesake';
INSERT INTO warden.attempts (key, failed) VALUES (warden.attempts_of_account('dora@victim.example.com'), 9);
SELECT warden.set_password(:'namesake', 'another long one');
SELECT t.is(failed, 9, 'F5: what is counted of dora stays') FROM warden.attempts WHERE key = warden.attempts_of_account('dora@victim.example.com');
SELECT warden.set_password(:'victim', 'another long one');
SELECT t.rows($$SELECT FROM warden.attempts WHERE key = warden.attempts_of_account('dora@victim.example.com')$$, 0, 'F5: until she has a new password');
SELECT t.refused($$SELECT warden.create_user(name => 'eve@example.com')$$, '22023', 'F5: nobody is named like an email', 'name');
SELECT t.succeeds($$SELECT warden.create_user(name => 'eve')$$, 'F5: but otherwise');
UPDATE warden.users SET name = NULL WHERE id = :'namesake';
-- The first run, once there are users: never.
\connect - boss
SELECT t.refused($$SELECT warden.setup_owner('owner@example.com', 'long enough')$$, '55000', 'there are users');
\connect - postgres
UPDATE warden.users SET status = 'deleted', roles = '{}' WHERE true;
\connect - boss
SELECT t.refused($$SELECT warden.setup_owner('owner@example.com', 'long enough')$$, '55000', 'also where all of them are deleted');
-- taOS F12: what cannot be read is not empty.
\connect - postgres
DELETE FROM warden.users;
BEGIN;
LOCK TABLE warden.users IN ACCESS EXCLUSIVE MODE;
SELECT t.refused($$SELECT warden.setup_owner('owner@example.com', 'long enough')$$, '55000', 'taOS F12: nor where nobody can look');
ROLLBACK;
SELECT t.is(count(*), 0, 'and nobody was made') FROM warden.users;
\connect - app
SELECT t.refused($$SELECT warden.setup_owner('mallory@example.com', 'long enough')$$, '42501', 'a client sets up nothing');
\connect - gateway
SELECT t.refused(format('SELECT warden.setup_owner(%s, %s)', quote_nullable(email), quote_nullable(password)), '22023', 'unusable: ' || coalesce(email, 'NULL'))
FROM (VALUES (NULL, 'long enough'), ('', 'long enough'), (' ', 'long enough'), ('x', 'long enough'), ('a@example.com', 'short'), ('a@example.com', NULL)) AS a (email, password);
SELECT t.refused($$SELECT warden.setup_owner('a@example.com', 'long enough', ' ')$$, '22023', 'nor a name that is none');
BEGIN;
SELECT warden.setup_owner(' Owner@Example.com ', 'the first password', 'owner') AS owner \gset
ROLLBACK;
SELECT t.refused($$SELECT warden.setup_owner('owner@example.com', 'long enough')$$, '55000', 'G9: once, whatever is rolled back');
SELECT t.is(scope, 'admin agents:read billing tools:execute user users:act_as users:manage', 'the owner signs in') FROM warden.login('owner', 'the first password');
\connect - boss
SELECT t.is(row(u.email, u.email_verified, u.status, u.roles)::text, '(owner@example.com,f,active,"{user,owner}")', 'G9: an owner, unverified')
FROM warden.find_user(:'owner') AS u;
SELECT t.done();
