-- A12: rows belong to their parents. Attacks D6 and D8: a foreign parent and none at all are refused alike.
\ir lib/people.sql

\connect - owner
CREATE TABLE conversations (id int PRIMARY KEY, user_id uuid, title text);
CREATE TABLE files (id int PRIMARY KEY, user_id uuid, conversation_id int REFERENCES conversations, folder_id int);
CREATE TABLE messages (id int PRIMARY KEY, conversation_id int NOT NULL REFERENCES conversations ON DELETE CASCADE, reply_to int REFERENCES messages);
CREATE TABLE tree (id int PRIMARY KEY, user_id uuid, parent_id int REFERENCES tree);
CREATE TABLE pairs (a int, b text, user_id uuid, PRIMARY KEY (a, b));
CREATE TABLE uses_pair (id int, user_id uuid, a int, b text, FOREIGN KEY (a, b) REFERENCES pairs);
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE addresses (id int, user_id uuid, country text REFERENCES countries);
CREATE TABLE spread (id int, user_id uuid, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE spread_0 PARTITION OF spread FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE spread_1 PARTITION OF spread FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE uses_spread (id int, user_id uuid, spread_id int REFERENCES spread);
CREATE TABLE "left" (id int PRIMARY KEY, user_id uuid, other int);
CREATE TABLE "right" (id int PRIMARY KEY, user_id uuid, other int REFERENCES "left");
ALTER TABLE "left" ADD FOREIGN KEY (other) REFERENCES "right";
CREATE TABLE parted (id int, user_id uuid, conversation_id int) PARTITION BY LIST (id);
CREATE TABLE parted_1 (conversation_id int, gone int, id int, user_id uuid);
ALTER TABLE parted_1 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_1 DEFAULT;
ALTER TABLE parted ADD FOREIGN KEY (conversation_id) REFERENCES conversations;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app, gateway;
INSERT INTO conversations VALUES (1, :alice, 'a'), (2, :bob, 'b');
INSERT INTO pairs VALUES (1, 'x', :alice), (2, 'y', :bob);
INSERT INTO spread VALUES (1, :alice), (2, :alice), (3, :bob), (4, :bob);
INSERT INTO countries VALUES ('CH');
SELECT t.refused($$ SELECT warden.protect('messages', owner_column => NULL, parent_column => 'conversation_id') $$, '55000',
    'a child cannot be protected before its parent', 'conversations is not protected');
SELECT count(*) FROM unnest('{conversations,files,tree,pairs,uses_pair,addresses,spread,uses_spread,"left","right",parted}'::regclass[]) name, warden.protect(name);
SELECT t.refused($$ SELECT warden.protect('messages', owner_column => NULL, parent_column => 'reply_to') $$, '22023', 'a row cannot belong to a row of its own table');
SELECT t.ok(count(*) > 0, 'a child without an owner is protected by its parent')
FROM warden.protect('messages', owner_column => NULL, parent_column => 'conversation_id');
SELECT t.rows($$ SELECT * FROM warden.protect('messages', owner_column => NULL, parent_column => 'conversation_id') $$, 0, 'once');
ALTER TABLE tree DROP CONSTRAINT tree_parent_id_fkey;
ALTER TABLE tree ADD FOREIGN KEY (parent_id) REFERENCES tree;
CREATE TABLE lists (id int PRIMARY KEY, user_id uuid, folder_id int);
SELECT t.is(count(*), 0, 'a table without foreign keys asks for no parents') FROM warden.protect('lists') WHERE sql ~ 'parents_visible';
GRANT SELECT, INSERT ON lists TO gateway;
SELECT t.refused($$ SELECT warden.unprotect('conversations') $$, '55000', 'its parent cannot be unprotected before it', 'messages');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows($$ INSERT INTO files VALUES (1, NULL, 1), (2, NULL, NULL) $$, 2, 'her own parent, and none');
SELECT t.refused($$ INSERT INTO files VALUES (3, NULL, 2) $$, '42501', 'a row of hers under bob''s parent is refused');
SELECT t.is(t.error($$ INSERT INTO files VALUES (3, NULL, 2) $$) - 'context', t.error($$ INSERT INTO files VALUES (3, NULL, 99) $$) - 'context',
    'bob''s parent and no parent give the same error');
SELECT t.refused($$ UPDATE files SET conversation_id = 2 WHERE id = 1 $$, '42501', 'nor can it be moved there');
SELECT t.is(t.error($$ UPDATE files SET conversation_id = 2 WHERE id = 2 $$) - 'context', t.error($$ UPDATE files SET conversation_id = 99 WHERE id = 2 $$) - 'context',
    'with the same error again');
SELECT t.rows($$ UPDATE files SET conversation_id = NULL WHERE id = 1 $$, 1, 'it can be moved to nowhere');
SELECT t.rows($$ INSERT INTO files VALUES (1, NULL, 1) ON CONFLICT (id) DO UPDATE SET conversation_id = 1 $$, 1, 'ON CONFLICT asks too: allowed');
SELECT t.refused($$ INSERT INTO files VALUES (1, NULL, 1) ON CONFLICT (id) DO UPDATE SET conversation_id = 2 $$, '42501', 'ON CONFLICT asks too: refused');

SELECT t.rows($$ INSERT INTO messages VALUES (1, 1) $$, 1, 'a message in her conversation');
SELECT t.refused($$ INSERT INTO messages VALUES (2, 2) $$, '42501', 'none in bob''s');
SELECT t.is(t.error($$ INSERT INTO messages VALUES (2, 2) $$) - 'context', t.error($$ INSERT INTO messages VALUES (2, 99) $$) - 'context', 'as in one that does not exist');
INSERT INTO conversations (id) VALUES (3);
SELECT t.refused($$ UPDATE messages SET conversation_id = 3 $$, '42501', 'not even between her own does a message move', 'does not change');
SELECT t.refused($$ UPDATE messages SET conversation_id = 2 $$, '42501', 'let alone to bob''s');

SELECT t.rows($$ INSERT INTO tree VALUES (1, NULL, NULL), (2, NULL, 1), (3, NULL, 2) $$, 3, 'a tree in one statement');
SELECT t.rows($$ WITH p AS (INSERT INTO tree (id) VALUES (4) RETURNING id) INSERT INTO tree (id, parent_id) SELECT 5, id FROM p $$, 1, 'a parent from a WITH of the same statement');
SELECT t.refused($$ INSERT INTO tree VALUES (9, NULL, 77) $$, '42501', 'no branch without a trunk');
SELECT t.rows($$ INSERT INTO "left" VALUES (1, NULL, NULL) $$, 1, 'a cycle of tables: one half');
SELECT t.rows($$ INSERT INTO "right" VALUES (1, NULL, 1) $$, 1, 'and the other');
SELECT t.rows($$ UPDATE "left" SET other = 1 $$, 1, 'and back');
SELECT t.rows($$ INSERT INTO uses_pair VALUES (1, NULL, 1, 'x'), (2, NULL, 2, NULL) $$, 2, 'a key of two columns, whole or with a NULL');
SELECT t.refused($$ INSERT INTO uses_pair VALUES (3, NULL, 2, 'y') $$, '42501', 'bob''s pair is refused');
SELECT t.rows($$ INSERT INTO addresses VALUES (1, NULL, 'CH') $$, 1, 'a parent without row security is nobody''s secret');
SELECT t.refused($$ INSERT INTO addresses VALUES (1, NULL, 'XX') $$, '23503', 'and answers as foreign keys do');
SELECT t.rows($$ INSERT INTO uses_spread VALUES (1, NULL, 1), (2, NULL, 2) $$, 2, 'a parent that is partitioned');
SELECT t.refused($$ INSERT INTO uses_spread VALUES (3, NULL, 3) $$, '42501', 'bob''s row in it');
SELECT t.refused($$ INSERT INTO uses_spread VALUES (3, NULL, 4) $$, '42501', 'bob''s row in its other partition');
SELECT t.rows($$ INSERT INTO parted VALUES (1, NULL, 1) $$, 1, 'through a partitioned table with columns in another order');
SELECT t.refused($$ INSERT INTO parted VALUES (2, NULL, 2) $$, '42501', 'the same under bob''s parent');
SELECT t.rows($$ INSERT INTO parted_1 (id, conversation_id) VALUES (3, 1) $$, 1, 'directly into the partition');
SELECT t.refused($$ INSERT INTO parted_1 (id, conversation_id) VALUES (4, 2) $$, '42501', 'directly, under bob''s parent');
COMMIT;

-- A foreign key that comes later is covered at once.
\connect - owner
CREATE TABLE folders (id int PRIMARY KEY, user_id uuid);
INSERT INTO folders VALUES (1, :alice), (2, :bob);
SELECT count(*) FROM warden.protect('folders');
GRANT SELECT ON folders TO gateway;
ALTER TABLE files ADD FOREIGN KEY (folder_id) REFERENCES folders;
ALTER TABLE lists ADD FOREIGN KEY (folder_id) REFERENCES folders;
SELECT t.rows($$ SELECT * FROM warden.protect('lists') $$, 0, 'the first foreign key has made its policies ask');

-- A serialised snapshot, parallel plans, a hostile path.
\connect - gateway
CREATE TEMP TABLE conversations (id int, user_id uuid);
INSERT INTO conversations VALUES (2, :alice);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET LOCAL search_path = pg_temp, public;
SELECT warden.set_current_user(:alice);
SELECT t.rows($$ INSERT INTO files (id, folder_id) VALUES (10, 1) $$, 1, 'the new foreign key: her own folder');
SELECT t.rows($$ INSERT INTO lists (id, folder_id) VALUES (1, 1) $$, 1, 'the first foreign key of a table: her own folder');
SELECT t.refused($$ INSERT INTO lists (id, folder_id) VALUES (2, 2) $$, '42501', 'the first foreign key of a table: bob''s');
SELECT t.refused($$ INSERT INTO files (id, folder_id) VALUES (11, 2) $$, '42501', 'the new foreign key: bob''s');
SELECT t.refused($$ INSERT INTO files (id, conversation_id) VALUES (12, 2) $$, '42501', 'a temporary table of the parent''s name does not stand in for it');
SELECT t.refused($$ SELECT warden.parents_visible(NULL, NULL) IS NULL AND warden.parents_visible(0::oid, ROW(1)) $$, 'XX000', 'called with nonsense it refuses');
COMMIT;

-- Deleting her parent takes nothing of bob's with it, because nothing of his hangs below.
BEGIN;
SELECT warden.set_current_user(:alice);
DELETE FROM files;
DELETE FROM parted;
SELECT t.rows($$ DELETE FROM public.conversations WHERE id IN (1, 2) $$, 1, 'DELETE reaches her conversation only');
SELECT t.is(count(*), 0, 'and her messages go with it') FROM messages;
COMMIT;
\connect - owner
SELECT t.ok(count(*) > 0, 'the child first') FROM warden.unprotect('messages');
SELECT t.ok(count(*) > 0, 'then the parent') FROM warden.unprotect('conversations');
SELECT t.is(count(*), 1, 'bob''s conversation is there') FROM conversations WHERE id = 2;
SELECT t.done();
