-- D10: CREATE TABLE … OF a type: what ALTER TYPE … CASCADE does to the type it does to the table. Protection follows, or
-- the command is refused.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
\connect - owner
CREATE TYPE note AS (gone int, id int, user_id uuid, body text);
-- So that its columns have other numbers than those of its tables.
ALTER TYPE note DROP ATTRIBUTE gone;
CREATE TABLE notes OF note;
CREATE TABLE unprotected OF note;
GRANT SELECT, INSERT ON notes TO gateway;
SELECT t.ok(count(*) > 0, 'a protected table') FROM warden.protect('notes');

SELECT t.refused('ALTER TYPE note DROP ATTRIBUTE user_id CASCADE', '55000', 'the owner column is not dropped with its attribute');
SELECT t.ok(t.error('ALTER TYPE note ALTER ATTRIBUTE user_id TYPE text CASCADE') IS NOT NULL, 'nor given another type');
SELECT t.succeeds('ALTER TYPE note RENAME ATTRIBUTE body TO content CASCADE', 'another attribute is renamed');
SELECT t.ok(intact AND owner_column = 'user_id', 'and nothing else') FROM warden.protected_tables;
SELECT t.succeeds('ALTER TYPE note RENAME ATTRIBUTE user_id TO author CASCADE', 'the owner''s is renamed');
SELECT t.ok(intact AND owner_column = 'author', 'and protection follows') FROM warden.protected_tables;
SELECT t.succeeds('ALTER TYPE note ADD ATTRIBUTE more int CASCADE', 'one more');
SELECT t.ok(intact, 'is nothing to it') FROM warden.protected_tables;
SELECT t.rows($$SELECT * FROM warden.protect('notes', 'author')$$, 0, 'nothing is left to mend');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.succeeds('INSERT INTO notes (id) VALUES (1)', 'alice writes');
SELECT t.refused(format('INSERT INTO notes VALUES (2, %L)', :bob), '42501', 'in her own name only');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.rows('SELECT FROM notes', 0, 'bob does not see it');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows(format('SELECT FROM notes WHERE author = %L', :alice), 1, 'alice does');
COMMIT;

-- A watched schema meets a typed table as any other.
\connect - postgres
SELECT warden.watch_schema('public', owner_column => 'author', except_tables => '{unprotected}');
\connect - owner
CREATE TABLE watched OF note;
SELECT t.ok(count(*) = 1, 'a new one is protected') FROM warden.protected_tables WHERE relation = 'watched'::regclass AND intact;
SELECT t.succeeds('ALTER TYPE note RENAME ATTRIBUTE author TO writer CASCADE', 'two tables of one type');
SELECT t.is(count(*), 2, 'follow') FROM warden.protected_tables WHERE intact AND owner_column = 'writer';
CREATE TYPE mood AS ENUM ('sad');
SELECT t.succeeds($$ALTER TYPE mood ADD VALUE 'happy'$$, 'types of other kinds are left alone');
SELECT t.done();
