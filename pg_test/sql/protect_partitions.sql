-- D2, D10: partitions and children are as closed as their root, whenever and however they come.
\ir lib/people.sql
GRANT SELECT ON warden.protected_tables TO owner;
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO owner;

\connect - owner
CREATE TABLE events (id int, user_id uuid, kind text, n int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE events_b_1 PARTITION OF events_b FOR VALUES FROM (0) TO (100);
CREATE TABLE base (id int, user_id uuid);
CREATE TABLE derived (extra text) INHERITS (base);
INSERT INTO events VALUES (1, :alice, 'a'), (2, :bob, 'a'), (3, :alice, 'b'), (4, :bob, 'b');
INSERT INTO derived VALUES (1, :alice), (2, :bob);
SELECT count(*) FROM warden.protect('events');
SELECT count(*) FROM warden.protect('base');

-- What comes later.
CREATE TABLE events_c PARTITION OF events FOR VALUES IN ('c');
CREATE TABLE events_d (id int NOT NULL, user_id uuid NOT NULL, kind text NOT NULL, n int);
INSERT INTO events_d VALUES (5, :bob, 'd');
ALTER TABLE events ATTACH PARTITION events_d FOR VALUES IN ('d');
CREATE TABLE events_b_2 PARTITION OF events_b FOR VALUES FROM (100) TO (200);
CREATE TABLE derived_2 () INHERITS (base);
CREATE TABLE derived_3 (id int, user_id uuid NOT NULL);
INSERT INTO derived_3 VALUES (3, :bob);
ALTER TABLE derived_3 INHERIT base;
CREATE TABLE derived_4 () INHERITS (derived_3);
CREATE SCHEMA more CREATE TABLE derived_5 () INHERITS (public.base);
SELECT t.is(count(*), 13, 'all of them are protected') FROM warden.protected_tables WHERE intact;
SELECT t.is(string_agg(DISTINCT follows::text, ' ' ORDER BY follows::text), 'base events', 'as part of their roots') FROM warden.protected_tables;
SELECT t.rows($$ SELECT * FROM warden.protect('events') UNION ALL SELECT * FROM warden.protect('base') $$, 0, 'nothing is left to do');
GRANT USAGE ON SCHEMA more TO gateway;
GRANT ALL ON ALL TABLES IN SCHEMA public, more TO gateway;

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.is(count(*), 2, 'hers through the root') FROM events;
SELECT t.is(string_agg(id::text, ''), '1', 'hers in a partition read directly') FROM events_a;
SELECT t.is(string_agg(id::text, ''), '3', 'hers in a partition of a partition') FROM events_b;
SELECT t.is(string_agg(id::text, ''), '3', 'hers in its partition') FROM events_b_1;
SELECT t.rows('TABLE events_d', 0, 'an attached partition shows nothing of bob''s');
SELECT t.is(string_agg(id::text, ''), '1', 'hers through the inheritance parent') FROM base;
SELECT t.is(string_agg(id::text, ''), '1', 'hers in the child') FROM derived;
SELECT t.rows('TABLE derived_3', 0, 'a table that inherits since shows nothing of bob''s');
SELECT t.rows($$ INSERT INTO events (id, kind) VALUES (10, 'a'), (11, 'b'), (12, 'c'), (13, 'd') $$, 4, 'routed rows get her as owner');
SELECT t.rows($$ INSERT INTO events (id, user_id, kind) VALUES (15, NULL, 'c') $$, 1, 'also where NULL is sent');
SELECT t.rows($$ INSERT INTO events_c (id, user_id, kind) VALUES (16, NULL, 'c') $$, 1, 'also directly');
SELECT t.refused(format($$ INSERT INTO events_c (id, user_id, kind) VALUES (17, %L, 'c') $$, :bob), '42501', 'a row of bob''s directly into a partition is refused');
SELECT t.refused(format($$ INSERT INTO derived_4 (id, user_id) VALUES (17, %L) $$, :bob), '42501', 'and into a child');
SELECT t.rows($$ UPDATE events SET kind = 'b' WHERE id = 10 $$, 1, 'her row moves to another partition');
SELECT t.refused(format($$ UPDATE events SET kind = 'a', user_id = %L WHERE id = 10 $$, :bob), '42501', 'it does not become bob''s on the way');
SELECT t.refused(format('TRUNCATE %s', name), '42501', 'TRUNCATE ' || name)
FROM unnest('{events,events_a,events_b_2,base,derived,derived_4}'::regclass[]) name;
COMMIT;

-- A child table that is partitioned by its parent: a row that changes its parent would change its partition.
\connect - owner
CREATE TABLE talks (id int PRIMARY KEY, user_id uuid);
CREATE TABLE lines (id int, talk_id int REFERENCES talks) PARTITION BY LIST (talk_id);
CREATE TABLE lines_1 PARTITION OF lines FOR VALUES IN (1, 2);
CREATE TABLE lines_3 PARTITION OF lines FOR VALUES IN (3);
INSERT INTO talks VALUES (1, :alice), (2, :alice), (3, :alice);
SELECT count(*) FROM warden.protect('talks');
SELECT count(*) FROM warden.protect('lines', NULL, parent_column => 'talk_id');
GRANT SELECT, INSERT, UPDATE ON talks, lines, lines_1 TO gateway;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('INSERT INTO lines VALUES (1, 1)', 1, 'a row of a partitioned child table');
SELECT t.refused('UPDATE lines SET talk_id = 2', '42501', 'it does not change its parent within its partition', 'does not change');
SELECT t.refused('UPDATE lines SET talk_id = 3', '42501', 'nor by moving to another', 'does not change');
COMMIT;
\connect - owner
DROP TABLE lines, talks;

-- What leaves stays protected by itself.
\connect - owner
ALTER TABLE events DETACH PARTITION events_d;
ALTER TABLE events DETACH PARTITION events_b;
ALTER TABLE derived_3 NO INHERIT base;
SELECT t.is(string_agg(relation::text || coalesce('<' || follows::text, ''), ' ' ORDER BY relation::text),
    'base derived<base derived_2<base derived_3 derived_4<derived_3 events events_a<events events_b events_b_1<events_b events_b_2<events_b events_c<events events_d more.derived_5<base',
    'what leaves is its own root, with what is below it') FROM warden.protected_tables WHERE intact;
SELECT t.rows($$ SELECT * FROM warden.protect('events_d', create_index => false) WHERE sql NOT LIKE 'REVOKE%' UNION ALL SELECT * FROM warden.protect('derived_3', create_index => false, manage_columns => false) WHERE sql NOT LIKE 'REVOKE%' $$, 0, 'with nothing missing but what GRANT ALL brought back');
-- And comes back.
ALTER TABLE events ATTACH PARTITION events_b FOR VALUES IN ('b');
ALTER TABLE derived_3 INHERIT base;
SELECT t.is(count(*), 12, 'what was protected by itself joins again') FROM warden.protected_tables WHERE intact AND coalesce(follows, relation)::text IN ('base', 'events');

\connect - gateway
BEGIN;
SELECT warden.set_current_user(:bob);
SELECT t.is(string_agg(id::text, ''), '5', 'bob''s in the detached partition') FROM events_d;
SELECT t.is(string_agg(id::text, ' ' ORDER BY id), '2 4', 'and what is his in the others') FROM events;
SELECT t.refused('TRUNCATE events_d', '42501', 'no TRUNCATE there either');
COMMIT;

-- What cannot follow is refused.
\connect - owner
CREATE TABLE nulls (id int, user_id uuid);
ALTER TABLE base ALTER user_id DROP NOT NULL;
INSERT INTO nulls VALUES (1, NULL);
SELECT t.refused('ALTER TABLE nulls INHERIT base', '55000', 'rows of nobody do not join', 'have no user_id');
CREATE TABLE open (id int, user_id uuid NOT NULL);
CREATE POLICY everybody ON open USING (true);
SELECT t.refused('ALTER TABLE open INHERIT base', '55000', 'nor does a table with a policy of its own', 'everybody');
CREATE TABLE by_other (id int, user_id uuid NOT NULL, other uuid);
SELECT count(*) FROM warden.protect('by_other', 'other');
SELECT t.refused('ALTER TABLE by_other INHERIT base', '55000', 'nor one that is protected by another column', 'other columns');
CREATE TABLE open_root (id int, user_id uuid NOT NULL, kind text NOT NULL, n int) PARTITION BY LIST (kind);
SELECT t.refused('ALTER TABLE open_root ATTACH PARTITION events_d DEFAULT', '55000', 'a protected table does not become readable through an open root', 'read through');
CREATE TABLE open_parent (id int);
SELECT t.refused('ALTER TABLE by_other INHERIT open_parent', '55000', 'nor through an open parent', 'read through');
CREATE TEMP TABLE own_rows () INHERITS (base);
SELECT t.succeeds('ALTER TABLE base ADD COLUMN later int', 'a temporary child is nobody else''s and in nobody''s way');
DROP TABLE own_rows;

-- The first foreign key of a partitioned table is one of its partitions, too, which ask for parents from then on.
CREATE TABLE places (id int PRIMARY KEY, user_id uuid);
INSERT INTO places VALUES (1, :alice), (2, :bob);
SELECT count(*) FROM warden.protect('places');
CREATE TABLE visits (id int, user_id uuid, place int) PARTITION BY LIST (id);
CREATE TABLE visits_1 PARTITION OF visits DEFAULT PARTITION BY LIST (place);
CREATE TABLE visits_1_1 PARTITION OF visits_1 DEFAULT;
SELECT count(*) FROM warden.protect('visits');
GRANT SELECT, INSERT ON places, visits, visits_1_1 TO gateway;
ALTER TABLE visits ADD FOREIGN KEY (place) REFERENCES places;
SELECT t.is(string_agg(relation::text, ' '), NULL, 'all of them are intact') FROM warden.protected_tables WHERE NOT intact;
\connect - gateway
BEGIN;
SELECT warden.set_current_user(:alice);
SELECT t.rows('INSERT INTO visits_1_1 VALUES (1, NULL, 1)', 1, 'written directly: under her own place');
SELECT t.refused('INSERT INTO visits_1_1 VALUES (2, NULL, 2)', '42501', 'under bob''s');
COMMIT;
\connect - owner
DROP TABLE visits, places;

SELECT t.refused('DROP POLICY warden_select ON derived', '55000', 'a child cannot be weakened alone');
SELECT t.refused('ALTER TABLE ONLY events_a DISABLE ROW LEVEL SECURITY', '55000', 'nor a partition');
SELECT t.refused('DROP TRIGGER _warden_truncate ON events_a', '55000', 'nor its triggers');
SELECT t.succeeds('DROP TABLE events_a', 'a partition may be dropped');
SELECT t.succeeds('DROP TABLE base CASCADE', 'a whole tree too');
SELECT t.is(string_agg(relation::text, ' ' ORDER BY relation::text), 'by_other events events_b events_b_1 events_b_2 events_c events_d', 'and is forgotten') FROM warden.protected_tables;
SELECT t.done();
