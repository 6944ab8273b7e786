-- N11: what belongs to a public row is read as the row is, and written by its owner alone; through every parent above it.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;

\connect - owner
CREATE TABLE conversations (id int PRIMARY KEY, user_id uuid, is_public boolean);
CREATE TABLE messages (id int PRIMARY KEY, conversation_id int REFERENCES conversations ON DELETE CASCADE, body text);
CREATE TABLE p (id int PRIMARY KEY, message_id int REFERENCES messages ON DELETE CASCADE);
CREATE TABLE comments (id int, user_id uuid, conversation_id int REFERENCES conversations);
CREATE TABLE boxes (id bigint PRIMARY KEY, name varchar(20) UNIQUE, tenant uuid, is_public boolean);
CREATE TABLE things (id int, box_id bigint REFERENCES boxes, tenant uuid);
INSERT INTO conversations VALUES (1, :alice, true), (2, :alice, false), (3, :bob, false), (4, :bob, true);
INSERT INTO messages SELECT id, id, 'in ' || id FROM conversations;
INSERT INTO p SELECT id, id FROM messages;
INSERT INTO boxes VALUES (1, '7', :alice, true), (2, '7', :bob, true) ON CONFLICT DO NOTHING;
INSERT INTO things VALUES (1, 1, :alice);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app, gateway;
SELECT count(*) FROM warden.protect('conversations', public_column => 'is_public');
SELECT count(*) FROM warden.protect('messages', owner_column => NULL, parent_column => 'conversation_id');
SELECT count(*) FROM warden.protect('p', owner_column => NULL, parent_column => 'message_id');
SELECT count(*) FROM warden.protect('comments');
SELECT count(*) FROM warden.protect('boxes', owner_column => 'name', tenant_column => 'tenant', public_column => 'is_public');
SELECT count(*) FROM warden.protect('things', owner_column => NULL, parent_column => 'box_id', tenant_column => 'tenant');
SELECT t.ok(bool_and(intact) AND count(*) = 6, 'all are intact') FROM warden.protected_tables;

\connect - app
SELECT t.is(string_agg(body, ', ' ORDER BY id), 'in 1, in 4', 'nobody reads the messages of public conversations') FROM messages;
SELECT t.is(string_agg(id::text, ', ' ORDER BY id), '1, 4', 'and what belongs to these') FROM p;
SELECT t.refused('INSERT INTO messages VALUES (9, 1)', '42501', 'nobody writes one');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(string_agg(body, ', ' ORDER BY id), 'in 1, in 3, in 4', 'bob reads those of public conversations and his own') FROM messages;
SELECT t.refused('INSERT INTO messages VALUES (9, 1)', '42501', 'he writes none into alice''s public conversation');
SELECT t.rows('UPDATE messages SET body = NULL WHERE id = 1', 0, 'changes none');
SELECT t.rows($$ UPDATE messages SET body = body || '!' $$, 2, 'also without WHERE');
SELECT t.rows('DELETE FROM messages WHERE id = 1', 0, 'and deletes none');
SELECT t.refused('INSERT INTO messages VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET body = NULL', '42501', 'nor by ON CONFLICT');
SELECT t.refused('MERGE INTO messages m USING (VALUES (1)) AS s (id) ON m.id = s.id WHEN MATCHED THEN DELETE', '42501', 'nor by MERGE');
SELECT t.refused('UPDATE messages SET conversation_id = 1 WHERE id = 3', '42501', 'his own do not move there');
SELECT t.rows('SELECT * FROM messages WHERE id = 1 FOR SHARE', 0, 'he does not lock one');
SELECT t.rows('INSERT INTO messages VALUES (9, 3), (10, 4)', 2, 'in his own, public or not, he writes');
SELECT t.refused('INSERT INTO p VALUES (9, 1)', '42501', 'nothing below alice''s public message');
SELECT t.is(t.error('INSERT INTO p VALUES (9, 1)') - 'context', t.error('INSERT INTO p VALUES (9, 99)') - 'context', 'with the same error as below none');
SELECT t.rows('DELETE FROM p WHERE id = 1', 0, 'nothing there is deleted');
SELECT t.rows('UPDATE p SET id = 8 WHERE id = 1', 0, 'or changed');
SELECT t.rows('INSERT INTO p VALUES (9, 9), (10, 10)', 2, 'below his own it may come');
SELECT t.rows('DELETE FROM p WHERE id = 9', 1, 'and go');
-- What he sees he may refer to, in rows of his own.
SELECT t.rows('INSERT INTO comments VALUES (1, NULL, 1)', 1, 'his own comment may refer to alice''s public conversation');
SELECT t.refused('INSERT INTO comments VALUES (2, NULL, 2)', '42501', 'not to one that is not public');
COMMIT;
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows($$ INSERT INTO messages VALUES (11, 1), (12, 2) $$, 2, 'alice writes into hers');
SELECT t.rows('UPDATE messages SET body = NULL WHERE conversation_id IN (1, 2)', 4, 'and changes what is in it');
SELECT t.rows('DELETE FROM p WHERE message_id = 1', 1, 'and below it');
UPDATE conversations SET is_public = false WHERE id = 1;
COMMIT;
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.rows('SELECT * FROM messages WHERE conversation_id = 1', 0, 'what is public no more takes its messages with it');
COMMIT;

-- An owner by external id, tenants in between: user 7 of tenant alice has box 1.
BEGIN;
SELECT warden.set_current_external_user('8', :alice);
SELECT t.rows('SELECT * FROM things', 1, 'another user of the tenant reads what is in the public box');
SELECT t.refused('INSERT INTO things VALUES (2, 1, warden.current_tenant_id())', '42501', 'and puts nothing in');
COMMIT;
BEGIN;
SELECT warden.set_current_external_user('8', :bob);
SELECT t.rows('SELECT * FROM things', 0, 'another tenant reads nothing');
COMMIT;
BEGIN;
SELECT warden.set_current_external_user('7', :alice);
SELECT t.rows('INSERT INTO things VALUES (2, 1, warden.current_tenant_id())', 1, 'the box''s owner puts something in');
COMMIT;

\connect - owner
ALTER TABLE conversations RENAME COLUMN user_id TO author;
ALTER TABLE conversations RENAME TO talks;
SELECT t.ok(bool_and(intact) AND count(*) = 6, 'all are intact when the parent''s column has another name') FROM warden.protected_tables;
SELECT t.done();
