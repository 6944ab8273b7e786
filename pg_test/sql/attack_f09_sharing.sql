-- F9: sharing, taking back, assigning and giving away rows of a table whose owner has put code wherever code can be. It runs
-- as that owner, or as the client whose query asks the policies: never as a superuser, nor with the rights of the extension.
\ir lib/cast.sql
SELECT warden.add_admin_role('boss');
\ir lib/lair.sql
INSERT INTO things SELECT n, :'alice', 'name ' || n, 'd', 'one'::lair.pair FROM generate_series(1, 4) n;
CREATE FUNCTION allowed(text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM lair.attempt('allow'); RETURN false; END $$;
GRANT SELECT, UPDATE ON things TO app;
SELECT count(*) FROM warden.protect('things', shareable => true);
SELECT warden.allow('things', 'SELECT', 'lair.allowed(name)', 'a trap of the policy');
-- What has run since this was asked the last time.
CREATE FUNCTION since() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    noted text;
BEGIN
    SELECT string_agg(DISTINCT what || ' ' || who || CASE WHEN outcome ~ 'caller_administers|usesuper' THEN CASE WHEN outcome NOT LIKE 'done%' THEN ' is taken for an administrator' ELSE '' END
        WHEN outcome NOT LIKE '42501%' THEN ' was let do ' || outcome ELSE '' END, ', ') INTO noted FROM lair.ran;
    DELETE FROM lair.ran;
    RETURN noted;
END $$;
TRUNCATE ran;

-- A client.
\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.rows('SELECT * FROM lair.things', 4, 'alice reads her rows');
SELECT t.is(lair.since(), NULL, 'for whom the policy needs nothing of mallory''s');
SELECT warden.share('lair.things', 1, :'bob', 'share') AS shared \gset
SELECT t.is(lair.since(), NULL, 'F9: share sets nothing off');
SELECT t.is(warden.unshare('lair.things', 1, :'bob'), 1, 'alice takes it back');
SELECT t.is(lair.since(), NULL, 'F9: nor does unshare');
SELECT warden.share('lair.things', 1, :'bob', 'share') AS shared \gset
SELECT warden.share('lair.things', 2, :'bob', 'view') AS shared \gset
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT t.refused(format('SELECT warden.share(''lair.things'', 1, %L, ''view'')', :'bob'), 'P0002', 'mallory does not see the row');
SELECT t.is(warden.access_level('lair.things', 1), NULL, 'whatever her policy does');
SELECT t.is(lair.since(), 'allow app', 'F9: what the policy asks runs as the client, as in a query of its own');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.share('lair.things', 1, :'mallory', 'edit') AS shared \gset
SELECT t.is(warden.unshare('lair.things', 1, :'mallory'), 1, 'bob shares on, and takes that back');
SELECT t.ok(coalesce(lair.since(), 'allow app') = 'allow app', 'F9: likewise');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.transfer('lair.things', 1, :'bob', 'edit'), true, 'alice gives a row away');
COMMIT;
SELECT t.is(lair.since(), 'after_it mallory_login, before_it mallory_login, check mallory_login, deferred_it mallory_login, index mallory_login',
    'F9: every trap has snapped, the deferred one too, as the owner of the table, and was let do nothing');

-- An administrator.
\connect - boss
SELECT warden.assign('lair.things', 3, :'bob', 'edit') AS assigned \gset
SELECT warden.share_with('lair.things', 3, 'everyone', 'view') AS shared \gset
SELECT t.is(warden.unshare('lair.things', 3, :'bob') + warden.unshare_with('lair.things', 3, 'everyone'), 2, 'an administrator assigns, shares and takes back');
SELECT t.is(lair.since(), NULL, 'F9: which sets nothing off');
SELECT t.is(warden.transfer('lair.things', 3, :'bob'), true, 'and gives away');
SELECT t.is(lair.since(), 'after_it mallory_login, before_it mallory_login, check mallory_login, deferred_it mallory_login, index mallory_login',
    'F9: where the traps snap as the owner again');
\connect - postgres
SELECT t.is(warden.transfer('lair.things', 4, :'bob'), true, 'a superuser does, too');
SELECT t.is(lair.since(), 'after_it mallory_login, before_it mallory_login, check mallory_login, deferred_it mallory_login, index mallory_login', 'F9: and lends them nothing');

-- A trigger that defers another, so that it would run when the transaction commits.
\connect - mallory_login
CREATE FUNCTION lair.defer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END $$;
CREATE TRIGGER a_defer BEFORE UPDATE ON lair.things FOR EACH ROW EXECUTE FUNCTION lair.defer();
\connect - postgres
SELECT t.refused(format('SELECT warden.transfer(''lair.things'', 4, %L)', :'alice'), '42501', 'F9: a trigger that defers another is refused', 'deferred trigger');
\connect - mallory_login
DROP TRIGGER a_defer ON lair.things;

-- What the client has deferred runs as the client, before anything is done with other rights.
\connect - postgres
GRANT CREATE ON SCHEMA public TO app;
\connect - app
CREATE TABLE mine (id int);
CREATE TABLE mine_ran (who text);
CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.mine_ran VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER mine AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mine();
BEGIN;
SELECT warden.authenticate(:'bob_token');
INSERT INTO mine VALUES (1);
SELECT t.is(warden.transfer('lair.things', 4, :'alice'), true, 'with a trigger of the client''s waiting');
COMMIT;
SELECT t.is(string_agg(who, ' '), 'app', 'F9: it is not lent the rights of the extension') FROM mine_ran;

-- A table that a superuser owns: whoever owns a function that it calls would be superuser at the next transfer.
\connect - postgres
CREATE TABLE public.vault (id int PRIMARY KEY, user_id uuid NOT NULL);
INSERT INTO public.vault VALUES (1, :'alice'), (2, :'alice');
GRANT SELECT, UPDATE ON public.vault TO app;
SELECT count(*) FROM warden.protect('public.vault', shareable => true);
DELETE FROM lair.ran;
\connect - mallory_login
CREATE FUNCTION lair.rise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lair.ran VALUES ('rise', current_user, 'risen'); RETURN NULL; END $$;
\connect - postgres
CREATE TRIGGER rise AFTER UPDATE OR DELETE ON public.vault EXECUTE FUNCTION lair.rise();
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.refused(format('SELECT warden.transfer(''vault'', 1, %L)', :'bob'), '55000', 'F9: no trigger runs as a superuser who owns the table: a client', 'a superuser owns');
SELECT warden.share('vault', 1, :'bob', 'view') AS shared \gset
SELECT t.is(warden.unshare('vault', 1, :'bob'), 1, 'its rows are shared and taken back');
COMMIT;
\connect - boss
SELECT t.refused(format('SELECT warden.transfer(''vault'', 1, %L)', :'bob'), '55000', 'F9: an administrator', 'a superuser owns');
SELECT t.ok(warden.assign('vault', 1, :'bob', 'view') IS NOT NULL, 'assigned they are, too');
\connect - postgres
SELECT t.is(count(*), 0, 'F9: nothing ran') FROM lair.ran;
ALTER TABLE public.vault OWNER TO owner;
\connect - app
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.transfer('vault', 1, :'bob'), true, 'an ordinary owner is acted as');
COMMIT;
SELECT t.is(string_agg(who, ' '), 'owner', 'and the trigger runs as it') FROM lair.ran;
SELECT t.done();
