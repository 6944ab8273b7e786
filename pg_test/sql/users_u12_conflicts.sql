-- U12: rows that both users have by a unique key, under either rule: none is lost.
\ir lib/people.sql
SELECT warden.add_admin_role('boss');
CREATE EXTENSION IF NOT EXISTS btree_gist;
SET ROLE owner;
CREATE TABLE settings (user_id uuid PRIMARY KEY, theme text);
CREATE TABLE tags (id int PRIMARY KEY, user_id uuid, name text COLLATE "C", archived boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX ON tags (user_id, lower(name)) WHERE NOT archived;
CREATE TABLE phones (id int PRIMARY KEY, user_id uuid, number text, UNIQUE NULLS NOT DISTINCT (user_id, number));
CREATE TABLE faxes (id int PRIMARY KEY, user_id uuid, number text, UNIQUE (user_id, number) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE places (id int, user_id uuid, number int, PRIMARY KEY (id), UNIQUE (user_id, number, id)) PARTITION BY RANGE (id);
CREATE TABLE places_1 PARTITION OF places FOR VALUES FROM (0) TO (10);
CREATE UNIQUE INDEX ON places_1 (number, user_id);
CREATE TABLE bookings (id int PRIMARY KEY, owner int, during int4range, EXCLUDE USING gist (owner WITH =, during WITH &&));
CREATE TABLE odd (id int PRIMARY KEY, user_id uuid, moved int, n int, o int);
CREATE UNIQUE INDEX ON odd ((md5(user_id::text || moved)));
INSERT INTO settings VALUES (:alice, 'dark'), (:bob, 'light');
INSERT INTO tags VALUES (1, :alice, 'Red', false), (2, :alice, 'blue', false), (3, :alice, 'green', true), (4, :bob, 'rEd', false), (5, :bob, 'green', false), (6, :bob, 'blue', true);
INSERT INTO phones VALUES (1, :alice, NULL), (2, :alice, '1'), (3, :bob, NULL), (4, :bob, '2');
INSERT INTO faxes VALUES (1, :alice, NULL), (2, :alice, '1'), (3, :bob, NULL), (4, :bob, '1');
INSERT INTO places VALUES (1, :alice, 1), (2, :alice, 2), (3, :bob, 1);
INSERT INTO bookings VALUES (1, 7, '[1,5)'), (2, 7, '[10,12)'), (3, 8, '[4,6)');
INSERT INTO odd VALUES (1, :alice, 1, 0, 0), (2, :alice, 2, 0, 0), (3, :bob, 2, 0, 0);
SELECT warden.protect(name::regclass) FROM unnest('{settings,tags,phones,faxes,places,odd}'::text[]) AS t (name);
SELECT warden.protect('bookings', 'owner');
-- What a project may do as a row goes: it stays in the same transaction.
CREATE TABLE history (what text);
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO history VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER remember AFTER DELETE OR UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION remember();
RESET ROLE;

\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :alice, :bob), '23505', 'U12: under refuse, the default, it is refused', 'conflict');
SELECT t.is(t.error(format('SELECT * FROM warden.merge_users(%L, %L, ''refuse'')', :alice, :bob))->>'detail',
    E'public.settings: 1 rows\npublic.tags: 1 rows\npublic.phones: 1 rows\npublic.faxes: 1 rows\npublic.places: 1 rows\npublic.bookings: 1 rows\npublic.odd: 1 rows',
    'U12: with tables and numbers');
\connect - postgres
SELECT t.is(count(*), 1, 'U12: and nothing has changed') FROM settings WHERE user_id = :alice;
\connect - boss
SELECT * FROM warden.merge_users(:alice, :bob, 'keep_target') \gset
SELECT t.is(:'taken_out', '7', 'U12: under keep_target those of the source are taken out');
SELECT t.is(:'total_rows', '7', 'U12: the others are moved');
SELECT t.is(:'rows_by_table'::jsonb, '{"public.settings": 0, "public.tags": 2, "public.phones": 1, "public.faxes": 1, "public.places": 1,
    "public.bookings": 1, "public.odd": 1}'::jsonb, 'U12: in each table');
\connect - postgres
SELECT t.is(string_agg(table_name || ' ' || coalesce(row_data->>'id', row_data->>'theme'), ', ' ORDER BY table_name, row_data->>'id'),
    'public.bookings 1, public.faxes 2, public.odd 2, public.phones 1, public.places 1, public.settings dark, public.tags 1',
    'U12: and kept, whole, by the merge') FROM warden.merged_rows WHERE merge_id = :'merge_id';
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '2 3 4 5 6', 'tags: equal by an expression, unless archived') FROM tags;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '2 3 4', 'phones: nulls that are equal') FROM phones;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '1 3 4', 'faxes: nulls that are not, and a deferred constraint') FROM faxes;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '2 3', 'places: an index of one partition') FROM places;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '2 3', 'bookings: an exclusion constraint') FROM bookings;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '1 3', 'odd: the owner within an expression') FROM odd;
SELECT t.is(theme, 'light', 'the target keeps its own') FROM settings;
SELECT t.is(string_agg(what, ', '), 'DELETE settings', 'triggers of the project find the tables of their schema') FROM history;

-- With a row would go those that depend on it.
SELECT warden.create_user('11') AS dave \gset
SELECT warden.create_user('12') AS erin \gset
SET ROLE owner;
CREATE TABLE boards (id int PRIMARY KEY, user_id uuid, name text, UNIQUE (user_id, name));
CREATE TABLE cards (id int PRIMARY KEY, board_id int REFERENCES boards ON DELETE CASCADE);
INSERT INTO boards VALUES (1, :'dave', 'todo'), (2, :'erin', 'todo'), (3, :'dave', 'done');
INSERT INTO cards VALUES (1, 3);
SELECT warden.protect('boards');
SELECT warden.protect('cards', NULL, parent_column => 'board_id');
\connect - boss
BEGIN;
SELECT t.is(taken_out, 1, 'U12: a row on which nothing depends is taken out') FROM warden.merge_users(:'dave', :'erin', 'keep_target');
ROLLBACK;
\connect - owner
BEGIN;
SELECT warden.begin_admin('one more card');
INSERT INTO cards VALUES (2, 1);
COMMIT;
\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L, ''keep_target'')', :'dave', :'erin'), '55000',
    'U12: one on which others depend is not: they would be lost', 'rows of public.cards depend');

-- An integer column holds numbers, and not everybody has one.
SELECT warden.create_user('seventy') AS word \gset
SELECT warden.create_user('70000') AS large \gset
\connect - owner
CREATE TABLE points (id int PRIMARY KEY, owner smallint);
INSERT INTO points VALUES (1, 11);
SELECT warden.protect('points', 'owner');
\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :'dave', u), '55000', 'U12: no number that fits: ' || u, 'no number')
FROM (VALUES (:'word'), (:'large')) AS n (u);
SELECT t.is(rows_by_table, '{"public.cards": 2}'::jsonb - 'public.cards', 'who owns nothing is merged into anybody')
FROM warden.merge_users(:'large', :'word');

-- What keeps a row with its owner keeps the merge from happening.
\connect - owner
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON boards FOR EACH ROW EXECUTE FUNCTION keep();
SELECT warden.unprotect('points');
\connect - boss
SELECT t.refused(format('SELECT * FROM warden.merge_users(%L, %L)', :'dave', :'word'), '55000', 'U12: a trigger that keeps rows is not passed over', 'stay with the user');
SELECT t.done();
