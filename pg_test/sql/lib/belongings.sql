-- Included after lib/people.sql (\ir lib/belongings.sql): protected tables of every shape, in which alice (external id 7)
-- and bob (8) have rows. Afterwards the session is boss, an admin role.
SELECT warden.add_admin_role('boss');
CREATE SCHEMA shop AUTHORIZATION owner;
GRANT USAGE ON SCHEMA shop TO gateway;

SET ROLE owner;
CREATE TABLE notes (id int PRIMARY KEY, user_id uuid NOT NULL, tenant_id uuid NOT NULL, title text);
CREATE TABLE letters (id int PRIMARY KEY, owner text, body text);
CREATE TABLE codes (id int PRIMARY KEY, owner varchar(40));
CREATE TABLE points (id int PRIMARY KEY, owner smallint);
CREATE TABLE invoices (id int PRIMARY KEY, owner int);
CREATE TABLE orders (id int PRIMARY KEY, owner bigint);
-- Children follow; they refer to a parent that is deleted only when they are gone.
CREATE TABLE conversations (id int PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE messages (id int PRIMARY KEY, conversation_id int NOT NULL REFERENCES conversations);
CREATE TABLE replies (id int PRIMARY KEY, message_id int NOT NULL REFERENCES messages ON DELETE RESTRICT);
-- Partitioned by something else, and by the owner: rows move.
CREATE TABLE events (id int, user_id uuid NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (100) TO (200);
CREATE TABLE visits (id int, user_id uuid NOT NULL, PRIMARY KEY (user_id, id)) PARTITION BY HASH (user_id);
CREATE TABLE visits_0 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE files (id int PRIMARY KEY, user_id uuid NOT NULL);
CREATE TABLE pictures (width int) INHERITS (files);
-- Keys that the owner is part of, and keys that refer to these, in a circle too; in another schema.
CREATE TABLE shop.carts (user_id uuid NOT NULL, id int, favourite int, PRIMARY KEY (user_id, id));
CREATE TABLE shop.items (user_id uuid NOT NULL, id int, cart_id int, PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, cart_id) REFERENCES shop.carts ON UPDATE RESTRICT);
ALTER TABLE shop.carts ADD FOREIGN KEY (user_id, favourite) REFERENCES shop.items;

INSERT INTO notes SELECT n, CASE WHEN n <= 3 THEN :alice::uuid ELSE :bob::uuid END, 'ccccffff-0000-4000-8000-00000000000c', 'note ' || n FROM generate_series(1, 5) n;
INSERT INTO letters VALUES (1, '7', 'new'), (2, :alice, 'from before she had an external id'), (3, '8', 'of bob');
INSERT INTO codes VALUES (1, '7'), (2, '8');
INSERT INTO points VALUES (1, 7), (2, 8);
INSERT INTO invoices VALUES (1, 7), (2, 8);
INSERT INTO orders VALUES (1, 7), (2, 7), (3, 8);
INSERT INTO conversations VALUES (1, :alice), (2, :bob);
INSERT INTO messages VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO replies VALUES (1, 1), (2, 3);
INSERT INTO events VALUES (1, :alice), (2, :bob), (101, :alice);
INSERT INTO visits SELECT n, :alice::uuid FROM generate_series(1, 4) n;
INSERT INTO visits VALUES (11, :bob);
INSERT INTO files VALUES (1, :alice), (2, :bob);
INSERT INTO pictures VALUES (3, :alice, 640);
INSERT INTO shop.carts VALUES (:alice, 1, NULL), (:bob, 2, NULL);
INSERT INTO shop.items VALUES (:alice, 1, 1), (:alice, 2, 1), (:bob, 3, 2);
UPDATE shop.carts SET favourite = 1 WHERE user_id = :alice;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app, gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO app, gateway;
SELECT warden.protect('notes', tenant_column => 'tenant_id');
SELECT warden.protect(name::regclass, 'owner') FROM unnest('{letters,codes,points,invoices,orders}'::text[]) AS t (name);
SELECT warden.protect(name::regclass) FROM unnest('{conversations,events,visits,files,shop.carts,shop.items}'::text[]) AS t (name);
SELECT warden.protect('messages', NULL, parent_column => 'conversation_id');
SELECT warden.protect('replies', NULL, parent_column => 'message_id');
RESET ROLE;

-- Everything there is, as 'table: who/how many, …', past row security.
CREATE FUNCTION public.belongings() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    statement text;
    answer text;
BEGIN
    SELECT string_agg(format(
        'SELECT %L AS relation, (SELECT string_agg(owner || ''/'' || rows, '', '' ORDER BY owner) FROM (SELECT CASE %I::text '
        'WHEN ''aaaaaaaa-0000-4000-8000-000000000001'' THEN ''alice'' WHEN ''7'' THEN ''alice'' '
        'WHEN ''bbbbbbbb-0000-4000-8000-000000000002'' THEN ''bob'' WHEN ''8'' THEN ''bob'' ELSE %I::text END AS owner, '
        'count(*) AS rows FROM %s GROUP BY 1) AS o) AS owners', p.relation, p.owner_column, p.owner_column, p.relation), ' UNION ALL ')
    INTO statement FROM warden.protections p WHERE p.root = p.relation AND p.owner_column IS NOT NULL;
    EXECUTE format('SELECT string_agg(relation || '': '' || owners, ''; '' ORDER BY relation COLLATE "C") FROM (%s) AS s', statement) INTO answer;
    RETURN answer;
END $$;

-- What a user sees.
CREATE FUNCTION public.seen_by(who uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.set_current_user(who);
    RETURN concat_ws(' ',
        (SELECT count(*) FROM public.letters), (SELECT count(*) FROM public.orders), (SELECT count(*) FROM public.messages),
        (SELECT count(*) FROM public.replies), (SELECT count(*) FROM public.visits), (SELECT count(*) FROM shop.items));
END $$;
\connect - boss
