-- N6, F9: whoever writes the application's table of users becomes nobody else, and has no code run as a superuser.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
SELECT warden.create_user('root', id => 'cccccccc-0000-4000-8000-000000000003');
\connect - owner
CREATE TABLE accounts (id int PRIMARY KEY, name text UNIQUE, active boolean NOT NULL DEFAULT true);
INSERT INTO accounts VALUES (70, 'seventy'), (80, 'eighty');
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts TO app;
GRANT SELECT (id), TRIGGER ON accounts TO boss;

-- Who may not.
\connect - app
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id') $$, '42501', 'a client may not sync users');
SELECT t.refused($$ CREATE TRIGGER mine AFTER INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION warden.follow_user('1', '', '') $$,
    '42501', 'nor have a table followed');
SELECT t.refused($$ SELECT warden.put_users('{7}', NULL, '{true}', 'accounts', true) $$, '42501', 'nor write users past it');
\connect - owner
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id') $$, '42501', 'nor may the table''s owner');
CREATE TABLE trap (id int PRIMARY KEY);
SELECT t.refused($$ CREATE TRIGGER mine AFTER INSERT ON trap FOR EACH ROW EXECUTE FUNCTION warden.follow_user('1', '', '') $$,
    '42501', 'and has no table of its own followed');
\connect - boss
SELECT t.refused($$ SELECT * FROM warden.sync_users('accounts', 'id', NULL, 'active') $$, '42501',
    'an administrator reads no column by it that he may not read', 'may not read these columns');
SELECT t.refused($$ SELECT * FROM warden.sync_users('trap', 'id') $$, '42501', 'and puts no trigger where he may not');
SELECT t.is(inserted, 2, 'what he may do, he does') FROM warden.sync_users('accounts', 'id');
\connect - postgres
SELECT t.is(users, 2, 'now by active column, too') FROM warden.sync_users('accounts', 'id', NULL, 'active');

-- alice (7) and bob (8) are users who did not come from the table.
\connect - app
SELECT t.refused($$ INSERT INTO accounts VALUES (7, 'alice') $$, '23505', 'a row with the key of another user is refused');
SELECT t.refused($$ UPDATE accounts SET id = 8 WHERE id = 70 $$, '23505', 'so is a change of key to it');
SELECT t.refused($$ INSERT INTO accounts VALUES (8, 'bob') ON CONFLICT DO NOTHING $$, '23505', 'also ON CONFLICT');
SELECT t.succeeds($$ INSERT INTO accounts VALUES (90, 'ninety') $$, 'another key is taken');
SELECT t.refused($$ TRUNCATE accounts $$, '42501', 'and the table cannot be emptied');
DELETE FROM accounts WHERE id = 90;
\connect - postgres
SELECT t.is(string_agg(external_id || ' ' || status, ', ' ORDER BY external_id COLLATE "C"),
    '7 active, 70 active, 8 active, 80 active, 90 inactive, root active', 'nobody else was touched') FROM warden.users;
SELECT warden.set_user_status(id, 'suspended') FROM warden.users WHERE external_id = '80';
\connect - app
UPDATE accounts SET active = false WHERE id = 80;
UPDATE accounts SET active = true WHERE id = 80;
DELETE FROM accounts WHERE id = 80;
INSERT INTO accounts VALUES (80, 'eighty');
\connect - postgres
SELECT t.is(status, 'suspended', 'nobody lifts a suspension by the table') FROM warden.users WHERE external_id = '80';

-- Code of the owner: what it does is done with the owner's rights.
\connect - owner
CREATE TABLE ran (as_whom text);
CREATE FUNCTION tell() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.ran VALUES (current_user); RETURN true; END $$;
CREATE FUNCTION told(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.tell(); RETURN true; END $$;
CREATE DOMAIN trapped AS text CHECK (told(VALUE));
CREATE TABLE lure (id int PRIMARY KEY, name text, extra trapped, doubled text GENERATED ALWAYS AS (name || name) STORED, CHECK (told(name)));
CREATE INDEX ON lure (told(name));
CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.tell(); RETURN NEW; END $$;
CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON lure FOR EACH ROW EXECUTE FUNCTION evil();
CREATE FUNCTION lie(lure) RETURNS text LANGUAGE sql AS $$ SELECT public.tell()::text $$;
ALTER TABLE lure ENABLE ROW LEVEL SECURITY;
ALTER TABLE lure FORCE ROW LEVEL SECURITY;
CREATE POLICY trap ON lure USING (tell());
INSERT INTO lure VALUES (500, 'five hundred', 'x');
TRUNCATE ran;
\connect - postgres
SELECT t.is(users, 1, 'a table with traps is read, past policies that bind its owner') FROM warden.sync_users('lure', 'id', 'name');
SELECT t.is(string_agg(DISTINCT as_whom, ' '), NULL, 'none of them snapped') FROM ran;
\connect - owner
INSERT INTO lure VALUES (501, 'five hundred and one', 'y');
UPDATE lure SET name = 'changed';
DELETE FROM lure WHERE id = 500;
\connect - postgres
SELECT t.is(string_agg(DISTINCT as_whom, ' '), 'owner', 'what snaps when the table is written is the owner''s') FROM ran;
SELECT t.is(string_agg(external_id || ' ' || status, ', ' ORDER BY external_id), '500 inactive, 501 active', 'and is followed all the same')
FROM warden.users WHERE external_id LIKE '50_';

-- As somebody else's statement: a trigger, maintenance.
CREATE TABLE bait (id int);
CREATE FUNCTION snap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM warden.sync_users('accounts', 'id'); RETURN NEW; END $$;
CREATE TRIGGER snap BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION snap();
SELECT t.refused('INSERT INTO bait VALUES (1)', '42501', 'nobody''s trigger has a superuser sync users', 'within a trigger');
SELECT t.done();
