-- G5: a capability opens exactly the owner's rows of the tables that it guards, for reading: with the flag, of that owner, and nothing else.
\ir lib/cast.sql
\ir lib/principals.sql
SET ROLE owner;
CREATE TABLE notes (id int PRIMARY KEY, owner_name text, body text NOT NULL);
CREATE TABLE diaries (id int PRIMARY KEY, owner_no bigint, body text NOT NULL);
CREATE TABLE plans (id int PRIMARY KEY, user_id uuid, body text NOT NULL);
INSERT INTO notes VALUES (1, '7', 'alice'), (2, :'bob', 'bob');
INSERT INTO diaries VALUES (1, 7, 'alice'), (2, 8, 'bob');
INSERT INTO plans VALUES (1, :'alice', 'alice');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, diaries, plans TO app;
SELECT count(*) FROM warden.protect('notes', 'owner_name', capability => 'can_read_user_memory');
SELECT count(*) FROM warden.protect('diaries', 'owner_no', capability => 'can_read_diaries');
SELECT count(*) FROM warden.protect('plans');
SELECT t.refused(format('SELECT warden.protect(''plans'', capability => %L)', name), '22023', 'no name of a capability: ' || left(name, 20), 'no name of a capability')
FROM (VALUES (''), ('Can'), ('7'), ('a-b'), ('a b'), ('a''b'), ('a"b'), ('a$b'), ('ä'), (repeat('a', 64)), ('_a'), (E'a\n')) AS n (name);
SELECT t.rows($$SELECT FROM pg_policies WHERE policyname LIKE 'warden_%' AND cmd <> 'SELECT' AND concat(qual, with_check) LIKE '%lending%'$$, 0, 'G5: no policy but that of SELECT knows of it');
SELECT t.rows($$SELECT FROM pg_policies WHERE policyname = 'warden_select' AND qual LIKE '%lending%'$$, 3, 'which does, of each table that is guarded');
RESET ROLE;
SELECT t.ok(bool_and(intact), 'the tables are intact') FROM warden.protected_tables;
SELECT t.is(capability, 'can_read_diaries', 'G5: which one guards a table is listed') FROM warden.protected_tables WHERE relation = 'diaries'::regclass;
UPDATE warden.users SET external_id = '7' WHERE id = :'alice';
CREATE FUNCTION opened() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', remembered(), (SELECT string_agg(body, ', ') FROM notes), (SELECT string_agg(body, ', ') FROM diaries), (SELECT string_agg(body, ', ') FROM plans))
$$;

\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(opened(), 'scout remembers', 'G5: without the flag its own');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_user_memory', true), true, 'G5: the owner sets it');
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_user_memory', true), false, 'once');
SELECT t.is(a.capabilities, '{can_read_user_memory}', 'and sees it') FROM warden.list_agents() a WHERE a.agent_id = :'scout';
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(opened(), 'alice remembers, scout remembers | alice', 'G5: with it the owner''s besides, by id and by name');
SELECT t.is(warden.lending_user_id('can_read_user_memory'), :'alice'::uuid, 'whose they are');
SELECT t.is(warden.lending_external_id('can_read_user_memory'), '7', 'by name');
SELECT t.is(warden.lending_external_number('can_read_user_memory'), 7, 'by number');
SELECT t.ok(warden.lending_user_id('can_read_diaries') IS NULL AND warden.lending_user_id(NULL) IS NULL AND warden.lending_user_id('CAN_READ_USER_MEMORY') IS NULL
    AND warden.lending_external_id('') IS NULL AND warden.lending_external_number('can_read_user_memory2') IS NULL, 'by no other name');
SELECT t.rows('SELECT FROM memories FOR UPDATE', 1, 'G5: only to read: what is locked is its own');
SELECT t.rows($$UPDATE memories SET body = 'changed'$$, 1, 'G5: nor does it change more');
SELECT t.rows($$UPDATE memories SET body = 'changed' WHERE body = 'alice remembers'$$, 0, 'G5: named or not');
SELECT t.rows('DELETE FROM memories', 1, 'G5: nor delete');
SELECT t.refused(format('INSERT INTO memories (user_id, body) VALUES (%L, ''planted'')', :'alice'), '42501', 'G5: nor plant');
SELECT t.refused($$INSERT INTO notes VALUES (3, '7', 'planted')$$, '42501', 'by name neither');
SELECT t.refused(format('INSERT INTO memories (id, user_id, body) VALUES (1, %L, ''planted'') ON CONFLICT (id) DO UPDATE SET body = ''planted''', :'scout'), '42501', 'G5: nor by ON CONFLICT');
SELECT t.rows('SELECT FROM documents', 0, 'G5: and nothing of other tables');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'clerk_key');
SELECT t.is(opened(), '', 'G5: her other agent has nothing of it');
SELECT t.ok(warden.lending_user_id('can_read_user_memory') IS NULL, 'it has not the capability');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bobs_key');
SELECT t.is(opened(), 'his agent remembers', 'G5: nor has bob''s');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(remembered(), 'alice remembers', 'G5: the owner does not see what is the agent''s');
SELECT t.ok(warden.lending_user_id('can_read_user_memory') IS NULL, 'nobody lends to her');
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_diaries', true), true, 'a second one');
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(opened(), 'alice remembers, scout remembers | alice | alice', 'G5: opens what it guards');
COMMIT;
SELECT t.ok(warden.lending_user_id('can_read_user_memory') IS NULL, 'nobody is lent nothing');
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_user_memory', false), true, 'taken again');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'scout_key');
SELECT t.is(opened(), 'scout remembers | alice', 'G5: and closed in the next transaction');
COMMIT;
\connect - boss
SELECT t.is(warden.set_agent_capability(:'scout', 'can_read_user_memory', true), true, 'G5: an administrator sets it as well');
SELECT t.refused(format('SELECT warden.set_agent_capability(%L, ''x'', NULL)', :'scout'), '22023', 'neither set nor taken');
SELECT t.refused(format('SELECT warden.set_agent_capability(%L, %L, true)', :'scout', name), '22023', 'nor by such a name')
FROM (VALUES (NULL), (''), ('A'), ('a''b'), ('a,b'), (repeat('a', 64))) AS n (name);
SELECT t.is(string_agg(format('%s %s %s', detail ->> 'capability', detail ->> 'enabled', database_role), ', ' ORDER BY id),
    'can_read_user_memory true app, can_read_diaries true app, can_read_user_memory false app, can_read_user_memory true boss', 'each is recorded')
FROM warden.audit_log WHERE action = 'set_agent_capability';

-- Under a savepoint, in a parallel query, and with a plan that is kept.
\connect - app
PREPARE mine AS SELECT count(*) FROM memories;
SET plan_cache_mode = force_generic_plan;
BEGIN;
SELECT warden.authenticate(:'alice_token');
EXECUTE mine \gset alice_
COMMIT;
BEGIN;
SELECT warden.authenticate(:'scout_key');
EXECUTE mine \gset scout_
SAVEPOINT s;
SELECT warden.sign_out();
EXECUTE mine \gset nobody_
ROLLBACK TO s;
EXECUTE mine \gset again_
COMMIT;
BEGIN;
SELECT warden.authenticate(:'bobs_key');
EXECUTE mine \gset bobs_
COMMIT;
SELECT t.is(concat_ws(' ', :alice_count, :scout_count, :nobody_count, :again_count, :bobs_count), '1 2 0 2 1', 'G5: a kept plan is each one''s own');

-- The plan: an index on the owner serves both.
\connect - postgres
INSERT INTO memories (user_id, body) SELECT md5(i::text)::uuid, 'somebody' FROM generate_series(1, 20000) i;
ANALYZE memories;
\connect - app
BEGIN;
SELECT warden.authenticate(:'scout_key');
-- From 18 on Postgres makes one look for two values of them.
SELECT t.matches(t.plan('SELECT * FROM memories'), 'BitmapOr\s+-> +Bitmap Index Scan on memories_user_id_idx[^>]*-> +Bitmap Index Scan on memories_user_id_idx|Index Cond: \(user_id = ANY \(ARRAY\[warden.current_user_id', 'G5: two looks into the index');
SELECT t.is((SELECT count(*) FROM memories), 2, 'and its rows');
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexscan = off;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT t.matches(t.plan('SELECT count(*) FROM memories'), 'Gather', 'a parallel plan');
SELECT t.is((SELECT count(*) FROM memories), 2, 'G5: finds the same rows');
COMMIT;
SELECT t.done();
