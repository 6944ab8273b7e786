-- U7, U3: who may edit a row of the application's table of users keeps nobody out by writing that one's address there.
\ir lib/cast.sql
\ir lib/passwords.sql
\connect - owner
CREATE TABLE accounts (id int PRIMARY KEY, email text);
INSERT INTO accounts VALUES (1, 'carol@example.com'), (2, 'mallory@example.com'), (3, 'team@example.com');
GRANT SELECT, UPDATE ON accounts TO app;
\connect - postgres
SELECT t.is(users, 3, 'synced') FROM warden.sync_users('accounts', 'id', 'email');
\set carol_password 'a password of carol''s'
SELECT warden.set_password(id, :'carol_password') FROM warden.users WHERE external_id = '1';
SELECT warden.update_user(id, email_verified => true) FROM warden.users WHERE external_id = '1' OR id = :'alice';
SELECT warden.set_password(id, 'mallory''s very own') FROM warden.users WHERE external_id = '2';
CREATE FUNCTION answer(identifier text, password text) RETURNS text LANGUAGE sql AS
    $$ SELECT coalesce(l.error, 'signed in') FROM warden.login(identifier, password) AS l $$;

\ir lib/as_attacker.sql
SELECT t.is(answer('carol@example.com', :'carol_password'), 'signed in', 'carol signs in');
UPDATE accounts SET email = 'carol@example.com' WHERE id = 2;
SELECT t.is(answer('carol@example.com', :'carol_password'), 'signed in', 'also while another has her address, unverified');
SELECT t.is(answer('carol@example.com', 'mallory''s very own'), 'invalid_grant', 'who does not sign in by it');
UPDATE accounts SET email = 'alice@example.com' WHERE id = 2;
SELECT t.is(answer('alice@example.com', :'alice_password'), 'signed in', 'so does a user who is of no table');
SELECT t.is(answer('alice@example.com', 'mallory''s very own'), 'invalid_grant', 'and she alone');
UPDATE accounts SET email = 'bob@example.com' WHERE id = 2;
SELECT t.is(answer('bob@example.com', :'bob_password'), 'signed in', 'also one whose address an administrator has set and nobody has verified');
SELECT t.is(answer('bob@example.com', 'mallory''s very own'), 'invalid_grant', 'he alone');
UPDATE accounts SET email = 'team@example.com' WHERE id = 2;
SELECT t.is(answer('team@example.com', 'mallory''s very own'), 'invalid_grant', 'where nothing tells one from the other, neither signs in by it');
UPDATE accounts SET email = 'mallory@example.com' WHERE id = 2;
SELECT t.is(answer('mallory@example.com', 'mallory''s very own'), 'signed in', 'and by her own she does');
SELECT t.done();
