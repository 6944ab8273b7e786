-- N6: of two tables of users neither has the users of the other: who may write one changes nobody of the other.
SELECT warden.add_client_role('app');
SELECT warden.add_admin_role('boss');
\connect - owner
CREATE TABLE accounts (id text PRIMARY KEY, email text, active boolean NOT NULL DEFAULT true);
INSERT INTO accounts VALUES ('1', 'root@example.com'), ('3', 'carol@example.com');
CREATE TABLE customers (id int PRIMARY KEY, email text, active boolean NOT NULL DEFAULT true);
INSERT INTO customers VALUES (100, 'customer@example.com');
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, customers TO app;
GRANT SELECT, TRIGGER ON accounts, customers TO boss;
\connect - boss
SELECT t.is(users, 2, 'a table of users') FROM warden.sync_users('accounts', 'id', 'email', 'active');
SELECT t.is(users, 1, 'another one') FROM warden.sync_users('customers', 'id', 'email', 'active');

\connect - app
SELECT t.refused($$ INSERT INTO customers VALUES (3, 'x@evil.example', false) $$, '23505',
    'a row with the key of a user of another table is refused', 'not of this table');
SELECT t.refused($$ UPDATE customers SET id = 3 WHERE id = 100 $$, '23505', 'so is a change of key to it');
SELECT t.succeeds($$ UPDATE customers SET email = 'c@example.com' WHERE id = 100 $$, 'its own are followed');
SELECT t.succeeds($$ INSERT INTO customers VALUES (101, 'one more') $$, 'and new ones');
\connect - postgres
-- Two that had the key from the start: whoever was first has the user, and the other's row is nobody's.
ALTER TABLE customers DISABLE TRIGGER warden_follow_user;
INSERT INTO customers VALUES (3, 'x@evil.example', false);
ALTER TABLE customers ENABLE TRIGGER warden_follow_user;
\connect - app
DELETE FROM customers WHERE id = 3;
\connect - postgres
SELECT t.is(status, 'active', 'what is deleted in one table is not so in the other') FROM warden.users WHERE external_id = '3';
INSERT INTO accounts VALUES ('500', 'five');
ALTER TABLE customers DISABLE TRIGGER warden_follow_truncate, DISABLE TRIGGER warden_follow_user;
INSERT INTO customers VALUES (500, 'hundred', false);
\connect - boss
SELECT t.refused($$ SELECT * FROM warden.sync_users('customers', 'id', 'email', 'active') $$, '23505',
    'nor does a call take users of a table that is followed', 'not of this table');
BEGIN;
SELECT t.is(users, 3, 'until that one is followed no more') FROM warden.sync_users('accounts', 'id', 'email', 'active', follow => false);
SELECT t.is(updated, 1, 'then it does') FROM warden.sync_users('customers', 'id', 'email', 'active');
ROLLBACK;
\connect - postgres
ALTER TABLE customers ENABLE TRIGGER warden_follow_truncate;
TRUNCATE customers;
SELECT t.is(string_agg(external_id || ' ' || status, ', ' ORDER BY external_id), '100 inactive, 101 inactive, 3 active, 500 active',
    'nor is the other emptied') FROM warden.users WHERE external_id IN ('3', '100', '101', '500');

-- The name of the table is what it was: renamed, quoted, partitioned, followed anew.
CREATE TABLE "odd \000 ""näme" (id int, email text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF "odd \000 ""näme" FOR VALUES FROM (600) TO (700);
INSERT INTO low VALUES (600, 'a@example.org');
SELECT t.is(inserted, 1, 'a partitioned table') FROM warden.sync_users('"odd \000 ""näme"', 'id', 'email');
ALTER TABLE "odd \000 ""näme" RENAME TO plain;
INSERT INTO low VALUES (601, 'b@example.org');
UPDATE low SET email = 'c@example.org' WHERE id = 600;
SELECT t.is(string_agg(email, ' ' ORDER BY email), 'b@example.org c@example.org', 'renamed, it has the users that it had')
FROM warden.users WHERE external_id IN ('600', '601');
SELECT t.is(updated, 0, 'so that once more changes nothing') FROM warden.sync_users('plain', 'id', 'email');
CREATE TABLE "odd \000 ""näme" (id int PRIMARY KEY, email text);
INSERT INTO "odd \000 ""näme" VALUES (600, 'd@example.org');
SELECT t.refused($$ SELECT * FROM warden.sync_users('"odd \000 ""näme"', 'id', 'email') $$, '23505', 'a table that has its name now has not its users');
DELETE FROM "odd \000 ""näme";
SELECT t.is(users, 0, 'but its own') FROM warden.sync_users('"odd \000 ""näme"', 'id', 'email');
SELECT t.refused($$ INSERT INTO "odd \000 ""näme" VALUES (600, 'd@example.org') $$, '23505', 'alone');
SELECT t.done();
