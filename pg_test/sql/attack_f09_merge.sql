-- F9: merging and erasing run code of the tables' owners (triggers, checks, index expressions, casts, and what these defer
-- or leave behind): always as that owner, restricted, and never as the administrator, or the superuser, who merges.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
CREATE EXTENSION IF NOT EXISTS btree_gist;
\ir lib/lair.sql
CREATE TABLE below (id int, thing int);
INSERT INTO things SELECT n, CASE WHEN n < 3 THEN :alice::uuid ELSE :bob::uuid END, 'name ' || n % 2, 'd', 'one'::lair.pair FROM generate_series(1, 3) n;
SELECT warden.protect('things');
TRUNCATE ran;

-- A superuser merges.
\connect - postgres
SET search_path = lair, public;
BEGIN;
SELECT warden.merge_users(:alice, :bob, 'keep_target');
COMMIT;
SELECT t.is(string_agg(DISTINCT what, ' ' ORDER BY what), 'after_it before_it cast check deferred_it index', 'F9: every trap has snapped') FROM lair.ran;
SELECT t.is(string_agg(DISTINCT who, ' '), 'mallory_login', 'F9: as its owner, the deferred one too') FROM lair.ran;
SELECT t.is(string_agg(DISTINCT left(outcome, 5), ' ' ORDER BY left(outcome, 5)), '42501', 'F9: and none was let do a thing') FROM lair.ran
WHERE outcome !~ 'caller_administers|usesuper';
SELECT t.is(count(*), 0, 'F9: nor taken for anybody') FROM lair.ran WHERE outcome ~ 'caller_administers|usesuper' AND outcome NOT LIKE 'done%';
SELECT t.is(count(*), 2, 'the rows are moved all the same') FROM lair.things WHERE user_id = :bob;

-- An administrator transfers, and erases; under a path of his own, in which traps of his lie for mallory's code.
TRUNCATE lair.ran;
SELECT warden.create_user('9') AS carol \gset
\connect - boss
SELECT t.is(total_rows, 2, 'an administrator transfers') FROM warden.erase_user(:bob, 'transfer', :'carol');
SELECT t.is(total_rows, 2, 'and erases') FROM warden.erase_user(:'carol', 'cascade');
\connect - postgres
SELECT t.ok(count(*) > 20, 'the traps have snapped again') FROM lair.ran;
SELECT t.is(string_agg(DISTINCT who, ' '), 'mallory_login', 'F9: as their owner again') FROM lair.ran;

-- A trigger that defers something, so that it would run when the superuser commits.
SELECT warden.create_user('10') AS dave \gset
SELECT warden.create_user('11') AS erin \gset
SELECT warden.create_user('12') AS fay \gset
INSERT INTO lair.things SELECT 9, :'dave', 'x', 'd', 'one'::lair.pair;
\connect - mallory_login
SET search_path = lair;
CREATE FUNCTION defer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END $$;
CREATE TRIGGER a_defer BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION defer();
\connect - postgres
SELECT t.refused(format('SELECT warden.merge_users(%L, %L)', :'dave', :'erin'), '42501', 'F9: a trigger that defers another is refused', 'deferred trigger');
\connect - mallory_login
DROP TRIGGER a_defer ON lair.things;
\connect - postgres

-- What the administrator himself has deferred runs as he, not with the rights of the extension.
GRANT CREATE ON SCHEMA public TO boss;
\connect - boss
CREATE TABLE mine (id int);
CREATE TABLE mine_ran (who text);
CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.mine_ran VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER mine AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mine();
BEGIN;
INSERT INTO mine VALUES (1);
SELECT count(*) FROM warden.merge_users(:'dave', :'fay');
COMMIT;
SELECT t.is(string_agg(who, ' '), 'boss', 'F9: a deferred trigger of the administrator is not lent the rights of the extension') FROM mine_ran;
-- Nor does he lend mallory's code his functions.
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.mine_ran VALUES ('now ' || current_user); RETURN pg_catalog.now(); END $$;
CREATE FUNCTION public.note(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.mine_ran VALUES ('note ' || current_user); END $$;
GRANT INSERT ON mine_ran TO PUBLIC;
\connect - mallory_login
CREATE FUNCTION lair.note(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lair.ran VALUES ($1, current_user, 'note'); END $$;
CREATE FUNCTION lair.naive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM note('naive'), now(); RETURN NEW; END $$;
CREATE TRIGGER naive BEFORE UPDATE ON lair.things FOR EACH ROW EXECUTE FUNCTION lair.naive();
\connect - boss
SET search_path = public, pg_catalog;
SELECT warden.create_user('13') AS gus \gset
SELECT t.is(total_rows, 1, 'merged under an evil path') FROM warden.merge_users(:'fay', :'gus');
SELECT t.is(count(*), 0, 'F9: code of the table''s owner is not sent to functions of whoever merges') FROM mine_ran WHERE who <> 'boss';
\connect - postgres
SELECT t.is(count(*), 1, 'but finds its own') FROM lair.ran WHERE outcome = 'note';

-- A table that a superuser owns: whoever owns a function that it calls would be superuser at the next merge.
SELECT warden.create_user('14') AS hal \gset
SELECT warden.create_user('15') AS ina \gset
CREATE TABLE public.vault (id int, user_id uuid);
INSERT INTO public.vault VALUES (1, :'hal');
SELECT warden.protect('public.vault');
TRUNCATE lair.ran;
\connect - mallory_login
CREATE FUNCTION lair.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lair.ran VALUES ('rise', current_user, 'risen'); RETURN NULL; END $$;
\connect - postgres
CREATE TRIGGER rise AFTER UPDATE OR DELETE ON public.vault EXECUTE FUNCTION lair.rise();
\connect - boss
SELECT t.refused(format('SELECT warden.merge_users(%L, %L)', :'hal', :'ina'), '55000', 'F9: no trigger runs as a superuser who owns the table: merge', 'a superuser owns');
SELECT t.refused(format('SELECT warden.erase_user(%L, ''cascade'')', :'hal'), '55000', 'F9: erase', 'a superuser owns');
SELECT t.refused(format('SELECT warden.erase_user(%L, ''transfer'', %L)', :'hal', :'ina'), '55000', 'F9: transfer', 'a superuser owns');
SELECT t.refused(format('SELECT warden.merge_users(%L, %L)', :'gus', :'ina'), '55000', 'F9: nor where the user has no row there', 'a superuser owns');
\connect - postgres
SELECT t.is(count(*), 0, 'F9: nothing ran') FROM lair.ran;
ALTER TABLE public.vault OWNER TO owner;
GRANT USAGE ON SCHEMA lair TO owner;
GRANT INSERT ON lair.ran TO owner;
\connect - boss
SELECT t.is(total_rows, 1, 'an ordinary owner is acted as') FROM warden.merge_users(:'hal', :'ina');
\connect - postgres
SELECT t.is(string_agg(who, ' '), 'owner', 'and the trigger runs as it') FROM lair.ran;
SELECT t.done();
