-- F4, F1, F9: a merge that fails half-way changes nothing, takes no last owner away, and cannot be made by those who may not.
\ir lib/people.sql
\ir lib/belongings.sql
SELECT belongings() AS before \gset

-- In the n-th table, whichever that is.
\connect - owner
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of paper' USING ERRCODE = '53100'; END $$;
\connect - postgres
CREATE TABLE tried (relation text, outcome text);
DO $$
DECLARE
    relation regclass;
    outcome text;
BEGIN
    FOREACH relation IN ARRAY '{notes,letters,codes,points,invoices,orders,conversations,events,visits,files,pictures,shop.carts,shop.items}'::regclass[] LOOP
        EXECUTE format('CREATE TRIGGER fail AFTER UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION fail()', relation);
        BEGIN
            PERFORM warden.merge_users('aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002');
            outcome := 'merged';
        EXCEPTION WHEN OTHERS THEN
            outcome := SQLSTATE;
        END;
        INSERT INTO tried VALUES (relation::text, outcome || ' ' || (SELECT status FROM warden.users WHERE external_id = '7'));
        EXECUTE format('DROP TRIGGER fail ON %s', relation);
    END LOOP;
END $$;
SELECT t.is(string_agg(relation || ' ' || outcome, ', '), NULL, 'F4: a failure in any of them fails all') FROM tried WHERE outcome <> '53100 active';
SELECT t.is(count(*), 13, 'F4: each was tried') FROM tried;
SELECT t.is(belongings(), :'before', 'F4: and nothing has changed');
SELECT t.is(count(*), 0, 'F4: no record of what has not happened') FROM warden.audit_log WHERE action = 'merge_users';
SELECT t.is(count(*), 0, 'F4: nor a departure') FROM warden.departures;

-- The last owner, and oneself.
SELECT warden.assign_role(:alice, 'owner');
\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '55000', 'F1: the last owner is not merged away', 'last owner');
SELECT t.refused(format('SELECT * FROM warden.erase_user(%L, ''cascade'')', :alice), '55000', 'F1: nor erased', 'last owner');
SELECT warden.assign_role(:bob, 'owner');
\connect - postgres
-- A role with both duties states whom it acts for.
SELECT warden.add_trusted_role('boss');
\connect - boss
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '55000', 'F4: nobody merges himself away', 'acting user');
SELECT t.refused(format('SELECT * FROM warden.erase_user(%L, ''cascade'')', :alice), '55000', 'G9: nor erases himself', 'acting user');
SELECT t.is(tables, 12, 'another one he merges') FROM warden.merge_users(:bob, :alice);
ROLLBACK;

-- Those who may not, and code of others that runs while those who may do something else.
\connect - gateway
SELECT t.refused(format(call, :alice, :bob), '42501', 'F12: a trusted role may not: ' || call)
FROM (VALUES ('SELECT warden.merge_users(%L, %L)'), ('SELECT warden.promote_anonymous(%L, %L)'), ('SELECT warden.erase_user(%L, ''transfer'', %L)'),
    ('SELECT warden.user_activity(%L)'), ('SELECT warden.cleanup_anonymous_users()'), ('SELECT warden.settle_departures()'),
    ('SELECT * FROM warden.owned_rows(%L, NULL)'), ('SELECT warden.rekey_rows(%L, NULL, %L, NULL, ''refuse'', gen_random_uuid())'),
    ('SELECT warden.delete_owned_rows(ARRAY[%L::uuid], ''{7}'')')) AS c (call);
\connect - postgres
GRANT CREATE, USAGE ON SCHEMA shop TO boss;
SET ROLE boss;
CREATE FUNCTION shop.erase(who uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT warden.erase_user(who, ''cascade'')::text';
GRANT EXECUTE ON FUNCTION shop.erase(uuid) TO PUBLIC;
GRANT USAGE ON SCHEMA shop TO app;
\connect - app
SELECT t.refused(format('SELECT shop.erase(%L)', :alice), '42501', 'F12: a definer function of an administrator does not lend its rights');
\connect - owner
CREATE TABLE bait (id int);
CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM warden.merge_users('aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'); RETURN NEW; END $$;
CREATE TRIGGER spring BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION spring();
\connect - postgres
SELECT t.refused('INSERT INTO bait VALUES (1)', '42501', 'F9: a superuser''s INSERT merges nobody by a trigger', 'trigger');
SELECT t.is(belongings(), :'before', 'F4: nothing of all this has changed anything');
SELECT t.done();
