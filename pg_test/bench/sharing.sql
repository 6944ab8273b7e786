-- P3, P4, P9: 1,000,000 agents of 10,000 users, a hundred each, and 1,000,000 shares: a hundred with each user, and
-- 20,000 with one of them besides.

CREATE FUNCTION bench.agent_id(n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.md5('agent ' || n::text)::uuid;

CREATE TABLE agents (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    name text NOT NULL,
    prompt text NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO agents
SELECT bench.agent_id(n), bench.user_id(1 + (n % 10000)::int), 'agent ' || n, repeat('lorem ipsum ', 6),
       timestamptz '2026-01-01' + n * interval '10 seconds'
FROM generate_series(1, 1000000) AS n;
CREATE INDEX ON agents (user_id);

-- The same rows without protection, and with the policy that one writes first.
CREATE TABLE plain_agents (LIKE agents INCLUDING ALL);
INSERT INTO plain_agents SELECT * FROM agents;
CREATE TABLE exists_agents (LIKE agents INCLUDING ALL);
INSERT INTO exists_agents SELECT * FROM agents;

GRANT SELECT, INSERT, UPDATE, DELETE ON agents TO app;
GRANT SELECT ON plain_agents, exists_agents TO app;
SELECT count(*) FROM warden.protect('agents', shareable => true);

-- With user k: the agents of another user. With user 1 a fiftieth of all others as well.
INSERT INTO warden.shares (relation, row_id, grantee, level)
SELECT 'agents'::regclass, bench.agent_id(i * 10000 + (k + 4999) % 10000)::text, 'user:' || bench.user_id(k), 'view'
FROM generate_series(1, 10000) AS k, generate_series(0, 99) AS i WHERE i * 10000 + (k + 4999) % 10000 > 0;
INSERT INTO warden.shares (relation, row_id, grantee, level)
SELECT 'agents'::regclass, bench.agent_id(n * 50 + 7)::text, 'user:' || bench.user_id(1), 'view' FROM generate_series(1, 19900) AS n;

CREATE TABLE agent_shares (agent_id uuid NOT NULL, user_id uuid NOT NULL, PRIMARY KEY (user_id, agent_id));
INSERT INTO agent_shares SELECT DISTINCT s.row_id::uuid, substr(s.grantee, 6)::uuid FROM warden.shares s;
CREATE INDEX ON agent_shares (agent_id);
GRANT SELECT ON agent_shares TO app;
ALTER TABLE exists_agents ENABLE ROW LEVEL SECURITY;
CREATE POLICY shared ON exists_agents USING (user_id = warden.current_user_id()
    OR EXISTS (SELECT FROM agent_shares s WHERE s.agent_id = id AND s.user_id = warden.current_user_id()));

-- P9: 10,000 messages each to agents that are shared with user 1, and with user 2.
CREATE TABLE bench.messages (id int PRIMARY KEY, reader int NOT NULL, agent_id uuid NOT NULL, body text NOT NULL);
INSERT INTO bench.messages
SELECT row_number() OVER (), r.reader, r.agents[1 + n % cardinality(r.agents)], 'message ' || n
FROM (SELECT k AS reader, array(SELECT s.row_id::uuid FROM warden.shares s WHERE s.grantee = 'user:' || bench.user_id(k) ORDER BY s.row_id) AS agents
      FROM generate_series(1, 2) AS k) AS r, generate_series(1, 10000) AS n;
CREATE INDEX ON bench.messages (reader);
GRANT SELECT ON bench.messages TO app;
