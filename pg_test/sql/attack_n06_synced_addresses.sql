-- N6, U3: an address that a table of the application states is nobody's proof: who may edit that table comes in as nobody
-- else by it, and lets nobody else in as himself.
\ir lib/cast.sql
INSERT INTO tokens VALUES ('jwks', :'jwks');
SELECT warden.trust_issuer('https://other.example.com', (SELECT token FROM tokens WHERE name = 'jwks'), '{api}',
    subject_is => 'subject', provision => true, link_verified_email => true);
\connect - owner
CREATE TABLE accounts (id text PRIMARY KEY, email text, active boolean NOT NULL DEFAULT true, score int);
INSERT INTO accounts VALUES ('1', 'root@example.com'), ('2', 'mallory@example.com'), ('3', 'carol@example.com'), ('4', 'dave@example.com');
GRANT SELECT, UPDATE ON accounts TO app;
\connect - postgres
SELECT warden.create_user('4', email => 'dave@example.org') AS dave \gset
SELECT t.is(email_verified, true, 'dave has an address that is verified') FROM warden.update_user(:'dave', email_verified => true);
SELECT t.is(users, 4, 'synced') FROM warden.sync_users('accounts', 'id', 'email', 'active');
SELECT t.is(email || ' ' || email_verified, 'dave@example.com false', 'another address of a user that is taken over is not verified')
FROM warden.users WHERE id = :'dave';
SELECT id AS root FROM warden.users WHERE external_id = '1' \gset
SELECT id AS own FROM warden.users WHERE external_id = '2' \gset
SELECT id AS carol FROM warden.users WHERE external_id = '3' \gset
SELECT t.ok(bool_and(v.email_verified), 'an administrator has verified their addresses')
FROM warden.users u CROSS JOIN LATERAL warden.update_user(u.id, email_verified => true) AS v WHERE u.external_id IN ('1', '2', '3');
SELECT warden.assign_role(:'root', 'owner');

\setenv OTHER '"iss": "https://other.example.com"'
\set mallorys `lib/tokens mint s-mallory 600 "{$OTHER, \"email\": \"mallory@evil.example\", \"email_verified\": true}"`
\set victims `lib/tokens mint s-victim 600 "{$OTHER, \"email\": \"victim@example.com\", \"email_verified\": true}"`
\set carols `lib/tokens mint s-carol 600 "{$OTHER, \"email\": \"carol@example.com\", \"email_verified\": true}"`
\ir lib/as_attacker.sql
UPDATE accounts SET email = 'mallory@evil.example' WHERE id = '1';
BEGIN;
SELECT t.isnt(warden.authenticate(:'mallorys'), :'root'::uuid, 'her own address on the owner''s row does not make her the owner');
SELECT t.is(warden.current_roles()::text, '{user}', 'nor give her roles');
COMMIT;
UPDATE accounts SET email = 'victim@example.com' WHERE id = '2';
BEGIN;
SELECT t.isnt(warden.authenticate(:'victims'), :'own'::uuid, 'somebody else''s address on her own row lets nobody in as her');
COMMIT;
UPDATE accounts SET score = 1, email = ' Carol@example.com ' WHERE id = '3';
BEGIN;
SELECT t.is(warden.authenticate(:'carols'), :'carol'::uuid, 'who has kept her address is found by it');
COMMIT;
UPDATE accounts SET email = 'mallory@example.com' WHERE id = '2';
\connect - postgres
SELECT t.is(string_agg(external_id || ' ' || email || ' ' || email_verified, ', ' ORDER BY external_id),
    '1 mallory@evil.example false, 2 mallory@example.com false, 3 carol@example.com true',
    'what was changed is not verified, also when it is changed back') FROM warden.users WHERE external_id IN ('1', '2', '3');
\connect - app
SELECT t.succeeds($$ UPDATE accounts SET email = NULL WHERE id = '3' $$, 'a verified address may go');
SELECT t.succeeds($$ UPDATE accounts SET email = 'carol@example.com' WHERE id = '3' $$, 'and come back');
\connect - postgres
SELECT t.is(email || ' ' || email_verified, 'carol@example.com false', 'unverified') FROM warden.users WHERE id = :'carol';
-- By a call, as by the trigger.
SELECT warden.update_user(:'carol', email_verified => true);
ALTER TABLE accounts DISABLE TRIGGER warden_follow_user;
UPDATE accounts SET email = 'another@example.com' WHERE id = '3';
SELECT t.is(updated, 1, 'one has changed') FROM warden.sync_users('accounts', 'id', 'email', 'active');
SELECT t.is(email || ' ' || email_verified, 'another@example.com false', 'unverified') FROM warden.users WHERE id = :'carol';
SELECT warden.update_user(:'carol', email_verified => true);
SELECT t.is(updated, 0, 'a sync without addresses changes none') FROM warden.sync_users('accounts', 'id', NULL, 'active');
SELECT t.is(email || ' ' || email_verified, 'another@example.com true', 'and verified it stays') FROM warden.users WHERE id = :'carol';
SELECT users FROM warden.sync_users('accounts', 'id', 'email', 'active');
SELECT t.done();
