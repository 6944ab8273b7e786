-- G8, G9: an administrator resets a user: pending, without sessions, tokens and password, until it comes back by an invite.
\ir lib/cast.sql
\ir lib/passwords.sql
\ir lib/invites.sql
\ir lib/as_attacker.sql
SELECT access_token AS at, refresh_token AS rt FROM warden.login('alice', :'alice_password') \gset
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT id AS key_id, key FROM warden.create_api_key('a key', '{user}') \gset
COMMIT;

\connect - boss
SELECT id, code, expires_at - now() > '6 days' AS in_a_week FROM warden.create_invite(user_id => :'alice') \gset
SELECT t.is(user_named('alice'), 'pending {user,admin} alice@example.com f', 'G8: a user that is reset is pending');
\connect - app
SELECT format('SELECT t.refused(%L, ''28000'', %L)', format('SELECT warden.authenticate(%L)', token), 'G8: its tokens are refused') FROM (VALUES (:'at'), (:'alice_token'), (:'key')) AS k (token) \gexec
SELECT t.is(error, 'invalid_grant', 'G8: as is its refresh token') FROM warden.refresh(:'rt');
SELECT t.is(error, 'invalid_grant', 'G8: and its password') FROM warden.login('alice', :'alice_password');
SELECT t.is(redeemed(:'code', name => 'other', password => 'short of'), 'old', 'G8: it comes back by the code, as what it was');
SELECT t.is(user_named('alice'), 'active {user,admin} alice@example.com f', 'G8: active, with its roles and name');
SELECT t.is(redeemed(:'code', password => 'another password'), 'invalid_grant', 'G8: once');
SELECT t.is(error, 'invalid_grant', 'G8: the password before is no password') FROM warden.login('alice', :'alice_password');
SELECT t.is(error, NULL, 'G8: the new one is') FROM warden.login('alice', 'short of');
SELECT format('SELECT t.refused(%L, ''28000'', %L)', format('SELECT warden.authenticate(%L)', token), 'G8: sessions and tokens of before stay ended') FROM (VALUES (:'at'), (:'alice_token')) AS k (token) \gexec
SELECT t.succeeds(format('SELECT warden.authenticate(%L)', :'key'), 'keys work again, unless an administrator revokes them');

-- Eight digits, by the invite or the user's own address; a new code replaces the one before.
\connect - boss
SELECT id AS first_id, code AS first_code FROM warden.create_invite(user_id => :'alice', short => true) \gset
SELECT id, code FROM warden.create_invite(user_id => :'alice', short => true) \gset
SELECT t.is(kept(:'first_id'), 'revoked', 'G8: another code ends the one before');
\connect - app
SELECT t.is(redeemed(:'first_code', 'alice@example.com'), 'invalid_grant', 'G8: which is refused');
SELECT t.is(redeemed(:'code', 'bob@example.com', invite_id => :'id'), 'invalid_grant', 'not by another''s address');
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is(redeemed(:'code', invite_id => :'id'), 'invalid_grant', 'G8: nor does who is signed in come back as another');
COMMIT;
SELECT t.is(redeemed(:'code', ' Alice@example.com', 'the third password'), 'old', 'G8: eight digits and the address of the user');
SELECT t.is(error, NULL, 'who signs in') FROM warden.login('alice@example.com', 'the third password');

-- What an administrator says meanwhile counts.
\connect - boss
SELECT code FROM warden.create_invite(user_id => :'alice') \gset
SELECT warden.set_user_status(:'alice', 'suspended');
\connect - app
SELECT t.is(redeemed(:'code', password => 'the fourth password'), 'invalid_grant', 'G8: who is suspended since does not come back');
\connect - boss
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'alice'), '55000', 'nor is he reset', 'suspended');
SELECT warden.set_user_status(:'alice', 'active');
\connect - app
SELECT t.is(redeemed(:'code', password => 'the fourth password'), 'invalid_grant', 'G8: nor who is active already');

-- Whom nobody resets.
\connect - boss
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'bob'), '55000', 'G9: the last owner is not locked out', 'last owner');
SELECT t.refused('SELECT warden.create_invite(user_id => gen_random_uuid())', 'P0002', 'an unknown user', 'user not found');
SELECT warden.create_service_account('robot') AS robot \gset
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'robot'), '55000', 'a service', 'only a human');
SELECT warden.delete_user(:'mallory');
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'mallory'), 'P0002', 'a deleted user', 'user not found');
SELECT warden.restore_user(:'mallory');
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'mallory'), '42501', 'G8: nor does a client reset anybody, though an owner');
COMMIT;
SELECT access_token AS alice_again FROM warden.login('alice', 'the third password') \gset
\connect - postgres
SELECT warden.set_password(:'alice', 'the fifth password');
\connect - app
SELECT access_token AS alice_again FROM warden.login('alice', 'the fifth password') \gset
\connect - boss
BEGIN;
SELECT warden.begin_admin('G8', :'alice_again');
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'bob'), '42501', 'G8, F1: nor a person one who holds more', 'more than the acting user holds');
SELECT t.refused(format('SELECT warden.create_invite(user_id => %L)', :'alice'), '55000', 'G8: nor himself', 'acting user');
SELECT code FROM warden.create_invite(user_id => :'mallory') \gset
COMMIT;
-- And the person still holds by then what the user does.
SELECT warden.assign_role(:'mallory', 'owner');
\connect - app
SELECT t.is(redeemed(:'code'), 'invalid_grant', 'G8, F1: a user who has come to hold more than who reset him does not come back by it');
\connect - boss
SELECT warden.revoke_role(:'mallory', 'owner');
\connect - app
SELECT t.is(redeemed(:'code'), 'old', 'and does when he holds no more');

\connect - boss
BEGIN;
SELECT count(*) FROM warden.create_invite(user_id => :'mallory');
ROLLBACK;
\connect - postgres
SELECT t.is(status, 'active', 'G8: a reset is undone with its transaction') FROM warden.users WHERE id = :'mallory';
SELECT t.is(detail ->> 'from', 'active', 'G8: it is on the record') FROM warden.audit_log WHERE action = 'create_invite' AND detail ->> 'user_id' = :'alice' ORDER BY id LIMIT 1;
SELECT t.ok(count(*) > 0, 'and that the sessions ended') FROM warden.audit_log WHERE action = 'revoke_all_sessions' AND object = :'alice';
SELECT t.done();
