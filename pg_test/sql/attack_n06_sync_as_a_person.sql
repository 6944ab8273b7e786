-- N6, R7: an admin, acting as a person, does by sync_users() nothing to users who hold more than he does; the operator and
-- an owner may, and nobody takes the last owner away.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss'), warden.add_admin_role('gateway'), warden.add_trusted_role('gateway');
\connect - owner
CREATE TABLE accounts (id text PRIMARY KEY, email text, active boolean NOT NULL DEFAULT true, trap boolean NOT NULL DEFAULT true);
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO boss;
GRANT SELECT, TRIGGER ON accounts TO boss, gateway;
\connect - postgres
SELECT warden.create_user('chief', email => 'chief@example.com') AS chief \gset
SELECT warden.assign_role(:'chief', 'owner'), warden.assign_role(:'bob', 'owner'), warden.assign_role(:'alice', 'admin');
CREATE FUNCTION bobs() RETURNS text LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT status || ' ' || coalesce(email, '-') || ' ' || synced FROM warden.users WHERE id = 'b0b00000-0000-4000-8000-000000000002' $$;

-- Adopted: with another address, inactive, or as he is.
\connect - boss
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused(format('SELECT warden.set_user_status(%L, ''inactive'')', :'bob'), '42501', 'R7: an admin does not retire an owner');
SELECT t.refused(format('SELECT warden.update_user(%L, email => ''x@evil.example'')', :'bob'), '42501', 'nor change his address');
INSERT INTO accounts VALUES (:'bob', 'x@evil.example', false);
SELECT t.refused(call, '42501', 'nor by a table of users: ' || call, 'more than the acting user holds')
FROM unnest(ARRAY[
    'SELECT * FROM warden.sync_users(''accounts'', ''id'', ''email'', ''active'', follow => false)',
    'SELECT * FROM warden.sync_users(''accounts'', ''id'', ''email'', ''active'')',
    'SELECT * FROM warden.sync_users(''accounts'', ''id'', follow => false)']) AS c (call);
DELETE FROM accounts;
INSERT INTO accounts VALUES (:'mallory', 'm@example.com', true), ('new', 'n@example.com', true);
SELECT t.is(r::text, '(2,1,1,0,0,0,0,0)', 'but users whom he may manage, and new ones') FROM warden.sync_users('accounts', 'id', 'email', 'active') AS r;
SELECT t.refused(format('INSERT INTO accounts VALUES (%L, ''x@evil.example'', false)', :'bob'), '23505', 'nor by the table, once it is followed');
COMMIT;
SELECT t.is(bobs(), 'active - false', 'the owner is as he was');

-- The operator takes him over: he is a database role by himself.
BEGIN;
SELECT t.is(users, 2, 'followed no more') FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false);
INSERT INTO accounts VALUES (:'bob', 'bob@example.com', true);
SELECT t.is(r::text, '(3,0,1,0,0,0,0,0)', 'the operator takes over whom he likes') FROM warden.sync_users('accounts', 'id', 'email', 'active') AS r;
COMMIT;
SELECT t.is(bobs(), 'active bob@example.com true', 'an owner too');

-- Changed, with the table as it is, or by another column from now on.
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.is(r::text, '(3,0,0,0,0,0,0,0)', 'once more changes nothing, which an admin may') FROM warden.sync_users('accounts', 'id', 'email', 'active') AS r;
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', 'email', 'trap') $$, '42501',
    'another column of the table does not decide over an owner from now on', 'more than the acting user holds');
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active') $$, '42501', 'nor does none', 'more than the acting user holds');
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false) $$, '42501',
    'nor is the table left unfollowed', 'more than the acting user holds');
UPDATE accounts SET trap = false WHERE id = :'bob';
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', 'email', 'trap') $$, '42501', 'nor does one that is false already');
COMMIT;
BEGIN;
SELECT users FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false);
UPDATE accounts SET email = 'x@evil.example' WHERE id = :'bob';
COMMIT;
BEGIN;
SELECT warden.begin_admin('R7', :'alice_token');
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false) $$, '42501',
    'nor is an owner changed who came from the table', 'more than the acting user holds');
SELECT t.is(users, 3, 'all but him may be') FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false);
DELETE FROM accounts WHERE id = :'bob';
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false, deactivate_missing => true) $$, '42501',
    'nor made inactive as he is missing', 'more than the acting user holds');
SELECT t.is(missing, 1, 'who is missing stays') FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false);
DELETE FROM accounts WHERE id = :'mallory';
INSERT INTO accounts VALUES (:'bob', 'bob@example.com');
SELECT t.is(deactivated, 1, 'and a user is made so') FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false, deactivate_missing => true);
COMMIT;
SELECT t.is(bobs(), 'active bob@example.com true', 'the owner is as he was');

-- A role with both duties: the user of the transaction is the person, and does not become the operator by leaving.
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:'alice');
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', 'email', 'active') $$, '42501',
    'nor does an admin who is signed in have an owner followed', 'more than the acting user holds');
SELECT warden.sign_out();
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false) $$, '42501',
    'nor who has signed out', 'earlier in this transaction');
COMMIT;
\connect - boss

-- An owner may, as a person; but nobody takes the last one away.
BEGIN;
SELECT warden.begin_admin('R7', :'bob_token');
INSERT INTO accounts VALUES ('chief', 'c@example.com', false);
SELECT t.is(deactivated || ' ' || updated, '1 1', 'an owner retires another owner') FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false);
UPDATE accounts SET active = false WHERE id = :'bob';
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false) $$, '55000', 'but not the last one', 'last owner');
COMMIT;
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false) $$, '55000', 'nor does the operator', 'last owner');
DELETE FROM accounts WHERE id = :'bob';
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active', follow => false, deactivate_missing => true) $$, '55000',
    'nor as he is missing', 'last owner');
SELECT t.is(bobs(), 'active bob@example.com true', 'so that one is left');
SELECT t.done();
