-- G2, G4: what is shared is found by index: a list by those of the owner and of the key together, a point read by the key
-- alone; planned for the query and planned once for all; for a user with few shares and for one with many, on 200,000 rows.
\ir lib/people.sql
SELECT warden.create_user('9') AS carol \gset
\connect - owner
CREATE TABLE agents (id bigint PRIMARY KEY, user_id uuid NOT NULL, name text NOT NULL);
INSERT INTO agents SELECT i, CASE WHEN i % 2000 = 0 THEN :bob::uuid WHEN i % 2000 = 1 THEN :'carol'::uuid ELSE gen_random_uuid() END, 'agent ' || i FROM generate_series(1, 200000) i;
GRANT SELECT, UPDATE, DELETE ON agents TO gateway, app;
SELECT count(*) FROM warden.protect('agents', shareable => true);
ANALYZE agents;
\connect - postgres
-- Of rows of others 100 are shared with bob, 5,000 with carol.
INSERT INTO warden.shares (relation, row_id, grantee, level) SELECT 'agents'::regclass, id::text, 'user:' || :bob, 'edit' FROM agents WHERE id % 2000 = 2;
INSERT INTO warden.shares (relation, row_id, grantee, level) SELECT 'agents'::regclass, id::text, 'user:' || :'carol', 'edit' FROM agents WHERE id % 40 = 3;
ANALYZE warden.shares;
\set both 'BitmapOr\\s.*agents_user_id_idx.*agents_pkey'
\set by_key 'Index Scan using agents_pkey on agents\\s+Index Cond: \\(id = [^)]*\\)\\s+Filter'

\connect - gateway
PREPARE list AS SELECT * FROM agents;
PREPARE point(bigint) AS SELECT * FROM agents WHERE id = $1;
PREPARE change(bigint) AS UPDATE agents SET name = 'x' WHERE id = $1;
-- For bob, and then for carol.
\set user :bob
\set seen 200
\ir lib/shared_plans.sql
\set user '\'':carol'\''
\set seen 5100
\ir lib/shared_plans.sql
SELECT t.done();
