-- D3, G2: with a level below ownership nobody takes a shared row, gives it away, re-keys it, hangs it elsewhere or shows it to all.
\ir lib/cast.sql
\ir lib/agents.sql
INSERT INTO warden.shares (relation, row_id, grantee, level) SELECT r, i, 'user:' || :'bob', 'edit'
FROM (VALUES ('agents'::regclass, :'researcher'), ('projects', '1'), ('tools', 'search'), ('conversations', '1')) AS v (r, i);
INSERT INTO warden.shares (relation, row_id, grantee, level) VALUES ('agents', :'researcher', 'user:' || :'mallory', 'use');

\ir lib/as_attacker.sql
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('UPDATE agents SET name = ''renamed'' WHERE id = ' || quote_literal(:'researcher') || ' RETURNING *', 1, 'D3: an editor changes the row');
SELECT t.rows('UPDATE agents SET (id, user_id, name, is_public) = (id, user_id, name, is_public) WHERE id = ' || quote_literal(:'researcher') || ' RETURNING *', 1, 'D3: also as an ORM does, that writes back everything');
SELECT t.refused(statement, '42501', 'D3: refused to an editor: ' || statement)
FROM (VALUES
    (format('UPDATE agents SET user_id = %L WHERE id = %L', :'bob', :'researcher')),
    (format('UPDATE agents SET user_id = %L WHERE id = %L', :'mallory', :'researcher')),
    (format('UPDATE agents SET id = gen_random_uuid() WHERE id = %L', :'researcher')),
    (format('UPDATE agents SET is_public = true WHERE id = %L', :'researcher')),
    (format('MERGE INTO agents a USING (VALUES (1)) v ON a.id = %L WHEN MATCHED THEN UPDATE SET user_id = %L', :'researcher', :'bob')),
    ('UPDATE projects SET id = 99 WHERE id = 1'),
    ('UPDATE tools SET id = ''found'' WHERE id = ''search'''),
    (format('INSERT INTO agents (id, user_id, name) VALUES (%L, %L, ''x'') ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id', :'researcher', :'bob')),
    (format('INSERT INTO agents (user_id, name) VALUES (%L, ''for alice'')', :'alice'))) AS s (statement);
SELECT t.rows(format('DELETE FROM agents WHERE id = %L RETURNING *', :'researcher'), 0, 'D3: nor does he delete it');
SELECT t.rows('UPDATE agents SET is_public = true WHERE user_id = warden.current_user_id() RETURNING *', 1, 'D3: his own row he shows to whom he likes');
ROLLBACK;

-- References: use lets one refer to an agent; what one cannot see is not told from what does not exist.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
INSERT INTO conversations (id, agent_id) VALUES (10, :'researcher');
SELECT t.is((SELECT string_agg(id::text, ',') FROM conversations), '10', 'G2: at use one talks to the agent, in one''s own conversation, and does not read those of others with it');
SELECT t.refused(format('INSERT INTO conversations (id, agent_id) VALUES (11, %L)', agent), '42501', 'D4: what one may not use, and what does not exist')
FROM (VALUES (:'writer'::uuid), (gen_random_uuid())) AS v (agent);
SELECT t.rows('SELECT * FROM messages', 0, 'D8: messages of a conversation that is not shared');
SELECT t.refused('INSERT INTO messages VALUES (20, 1, ''let me in'')', '42501', 'D8: nor is one put under it');
SELECT t.rows('INSERT INTO messages VALUES (21, 10, ''mine'') RETURNING *', 1, 'G2: under one''s own it is');
SELECT t.rows('SELECT * FROM prompts', 0, 'G2: the prompt of an agent is for those who edit it');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(body, ',') FROM messages), 'hello', 'G2: messages follow their conversation, that is shared');
SELECT t.rows('INSERT INTO messages VALUES (22, 1, ''me too'') RETURNING *', 1, 'G2: at edit one adds to it');
SELECT t.is((SELECT string_agg(body, ',') FROM prompts), 'be brief', 'G2: at edit one reads the prompt');
SELECT t.refused('UPDATE messages SET conversation_id = 10 WHERE id = 1', '42501', 'D3: a message does not move');
ROLLBACK;

\connect - postgres
UPDATE warden.shares SET level = 'view';
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.is((SELECT string_agg(body, ',') FROM messages), 'hello', 'G2: at view one reads along');
SELECT t.refused('INSERT INTO messages VALUES (22, 1, ''me too'')', '42501', 'G2: and does not write');
SELECT t.rows('UPDATE messages SET body = ''x'' RETURNING *', 0, 'G2: nor change');
SELECT t.rows('DELETE FROM messages RETURNING *', 0, 'G2: nor delete');
SELECT t.rows('SELECT * FROM prompts', 0, 'G2: nor read the prompt');
SELECT t.refused(format('INSERT INTO conversations (id, agent_id) VALUES (10, %L)', :'researcher'), '42501', 'G2: at view one refers to nothing');
ROLLBACK;

-- Who refers to an agent goes on with his own conversation when it is not shared with him any more; he begins no other.
\connect - postgres
INSERT INTO conversations (id, user_id, agent_id, title) VALUES (30, :'bob', :'researcher', 'bob talks');
DELETE FROM warden.shares WHERE relation = 'agents'::regclass;
\connect - app
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('SELECT * FROM agents WHERE user_id <> warden.current_user_id()', 0, 'D4: the agent is not shared any more');
SELECT t.rows('UPDATE conversations SET title = ''on my own'' WHERE id = 30 RETURNING *', 1, 'D4: what refers to it already can still be changed');
SELECT t.refused(format('INSERT INTO conversations (id, agent_id) VALUES (31, %L)', :'researcher'), '42501', 'D4: nothing refers to it anew');
SELECT t.refused(format('UPDATE conversations SET agent_id = %L WHERE id = 30', :'writer'), '42501', 'D4: nor to another one');
SELECT t.refused(format('INSERT INTO conversations (id, agent_id) VALUES (30, %L)', :'researcher'), '23505', 'D4: nor does the same row stand twice');
ROLLBACK;

-- A key that is used again starts without shares.
BEGIN;
SELECT warden.authenticate(:'alice_token');
DELETE FROM tools WHERE id = 'search';
COMMIT;
BEGIN;
SELECT warden.authenticate(:'mallory_token');
INSERT INTO tools (id, name) VALUES ('search', 'mine now');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT t.rows('SELECT * FROM tools WHERE id = ''search''', 0, 'D3: who knew the row before knows nothing of the one that has its key now');
ROLLBACK;
\connect - postgres
SELECT t.rows('SELECT * FROM warden.shares WHERE row_id = ''search''', 0, 'D3: the shares went with the row');
SELECT t.done();
