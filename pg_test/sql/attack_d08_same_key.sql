-- D8: a row belongs to the row that its foreign key refers to, not to another one with the same key.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;

-- A key is not unique across inheritance children: alice makes a room with the number of bob's there.
\connect - owner
CREATE TABLE rooms (id int PRIMARY KEY, user_id uuid);
CREATE TABLE side_rooms () INHERITS (rooms);
CREATE TABLE messages (id int PRIMARY KEY, room_id int REFERENCES rooms, body text);
CREATE TABLE pictures (id int PRIMARY KEY, user_id uuid, room_id int REFERENCES rooms);
-- The names by which the policy could take one table for the other.
CREATE TABLE conversations (id int PRIMARY KEY, user_id uuid, conversation_id int);
CREATE TABLE p (id int PRIMARY KEY, conversation_id int REFERENCES conversations, body text);
CREATE TABLE q (id int PRIMARY KEY, conversation_id int REFERENCES conversations, body text);
INSERT INTO rooms VALUES (1, :alice), (2, :bob);
INSERT INTO messages VALUES (1, 1, 'alice''s'), (2, 2, 'bob''s');
INSERT INTO conversations VALUES (1, :alice, 1), (2, :bob, 2);
INSERT INTO p VALUES (1, 1, 'alice''s'), (2, 2, 'bob''s');
INSERT INTO q VALUES (1, 1, 'alice''s'), (2, 2, 'bob''s');
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO gateway;
SELECT count(*) FROM unnest('{rooms,pictures,conversations}'::regclass[]) name, warden.protect(name);
SELECT count(*) FROM warden.protect('messages', NULL, parent_column => 'room_id');
SELECT count(*) FROM warden.protect('p', NULL, parent_column => 'conversation_id');
SELECT count(*) FROM warden.protect('q', NULL, parent_column => 'conversation_id');
SELECT t.is(count(*), 7, 'all of them are protected') FROM warden.protected_tables WHERE intact;

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows($$ INSERT INTO side_rooms (id) VALUES (2) $$, 1, 'alice has a room with the number of bob''s');
SELECT t.is(string_agg(body, ' '), 'alice''s', 'his messages are not shown to her for that') FROM messages;
SELECT t.refused($$ INSERT INTO messages VALUES (3, 2, 'x') $$, '42501', 'nor can she write into his room');
SELECT t.refused($$ INSERT INTO pictures VALUES (3, NULL, 2) $$, '42501', 'nor hang her picture there');
SELECT t.rows($$ INSERT INTO messages VALUES (4, 1, 'x') $$, 1, 'a message in her own room');
SELECT t.rows($$ INSERT INTO pictures VALUES (4, NULL, 1) $$, 1, 'and a picture');
SELECT t.is(string_agg(body, ' '), 'alice''s', 'a table named p: her row only') FROM p;
SELECT t.is(string_agg(body, ' '), 'alice''s', 'a table named q: her row only') FROM q;
COMMIT;
SELECT t.done();
