-- D10: a table is not left open while protected_tables says that it is intact.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
CREATE ROLE attack_d10_gone;
GRANT attack_d10_gone TO app;

-- Through a second parent.
\connect - owner
CREATE TABLE base (id int, user_id uuid);
CREATE TABLE other_base (id int, user_id uuid);
CREATE TABLE derived () INHERITS (base, other_base);
INSERT INTO derived VALUES (1, :alice), (2, :bob);
SELECT t.refused($$ SELECT warden.protect('base') $$, '55000', 'a child that an open table shows is not protected by its other parent', 'read through');
ALTER TABLE derived NO INHERIT other_base;
SELECT t.ok(count(*) > 0, 'without that one it is') FROM warden.protect('base');

-- By the settings of a dump, which anybody can have.
CREATE TABLE events (id int, user_id uuid) PARTITION BY LIST (id);
SELECT count(*) FROM warden.protect('events');
SET row_security = off;
SET check_function_bodies = off;
SELECT t.refused('ALTER TABLE base DISABLE ROW LEVEL SECURITY', '55000', 'an owner with the settings of a dump disables nothing');
SELECT t.refused('ALTER TABLE base OWNER TO attack_d10_gone', '42501', 'nor gives it to a client');
SELECT t.refused('DROP POLICY warden_select ON base', '55000', 'nor drops a policy');
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
SELECT t.refused('CREATE POLICY warden_select ON events_1 USING (true)', '42710', 'a partition has its policy at once');
RESET row_security;
RESET check_function_bodies;
SELECT t.ok(intact, 'and is protected') FROM warden.protected_tables WHERE relation = 'events_1'::regclass;

-- By settings that change how names and literals are written.
CREATE TABLE spelled (id int, "o\'); CREATE TABLE public.injected (i int); --" uuid, user_id uuid);
SET standard_conforming_strings = off;
SET quote_all_identifiers = on;
SELECT t.ok(count(*) > 0, 'a column named to break out of a literal') FROM warden.protect('spelled', E'o\\\'); CREATE TABLE public.injected (i int); --');
SELECT t.rows('ALTER TABLE spelled ADD COLUMN more int', 0, 'ordinary changes are let through');
SELECT t.is(count(*), 0, 'is a name') FROM pg_class WHERE relname = 'injected';
SELECT t.ok(intact, 'and its table intact') FROM warden.protected_tables WHERE relation = 'spelled'::regclass;
SELECT t.ok(count(*) > 0, 'unprotect knows its own') FROM warden.unprotect('spelled');
SELECT t.is(count(*), 0, 'and takes all of it away') FROM pg_policy WHERE polrelid = 'spelled'::regclass;
RESET standard_conforming_strings;
RESET quote_all_identifiers;

-- A role that was granted something, and is gone.
CREATE TABLE granted (id int, user_id uuid);
GRANT TRUNCATE ON granted TO attack_d10_gone, app;
SELECT t.is(count(*), 2, 'both grants are revoked') FROM warden.protect('granted') WHERE sql LIKE 'REVOKE%';
\connect - postgres
DROP ROLE attack_d10_gone;
\connect - owner
SELECT t.ok(count(*) > 0, 'unprotect does not need the role') FROM warden.unprotect('granted');
SELECT t.ok(has_table_privilege('app', 'granted', 'TRUNCATE'), 'and gives the other its grant back');
SELECT t.done();
