\set QUIET on
\set SHOW_CONTEXT never
\echo
\echo '== 1. A team installs the extension: one table, one pooled login, one issuer of tokens'
\echo
CREATE EXTENSION pg_warden;
CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    title text NOT NULL
);
CREATE ROLE app LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO app;

SELECT warden.add_client_role('app');
SELECT warden.trust_issuer('https://id.example.com', :'key_set', '{api}', provision => true);
SELECT step, left(sql, 88) AS sql FROM warden.protect('documents');

\connect "dbname=demo user=app host=127.0.0.1 port=":pooler_port
\echo
\echo '== 2. Alice and bob use the application: both through the one login, behind PgBouncer'
\echo
BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO documents (title) VALUES ('alice: salary'), ('alice: diary') RETURNING *;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'bob_token');
INSERT INTO documents (title) VALUES ('bob: recipe') RETURNING *;
COMMIT;

\echo
\echo '== 3. The application forgets its WHERE clause: each still sees and changes only his own'
\echo
BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT title FROM documents;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT title FROM documents;
\set QUIET off
UPDATE documents SET title = 'pwned by bob' WHERE title LIKE 'alice%';
\set QUIET on
INSERT INTO documents (user_id, title) VALUES (:'alice', 'planted by bob');
ROLLBACK;

\echo
\echo '== 4. The transaction is over, so is the identity: the next client of the connection is nobody'
\echo
SELECT count(*) FROM documents;

\echo
\echo '== 5. Mallory injects SQL and claims to be alice'
\echo
BEGIN;
SELECT set_config('app.current_user_id', :'alice', true);
ROLLBACK;
SET warden.identity = 'alice';
ALTER ROLE app SET app.current_user_id = 'alice';
BEGIN;
SELECT warden.authenticate(:'forged_token');
ROLLBACK;
BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT warden.authenticate(:'alice_token');
ROLLBACK;
SELECT warden.set_current_user(:'alice');
TRUNCATE documents;
ALTER TABLE documents DISABLE ROW LEVEL SECURITY;

\echo
\echo '== 6. Alice shares her agent with bob: first to use it, then to change it. Mallory never knows that it exists'
\echo
\connect "dbname=demo user=postgres host=":socket_dir" port=":port
CREATE TABLE agents (
    id int PRIMARY KEY,
    user_id uuid NOT NULL,
    name text NOT NULL,
    UNIQUE (user_id, name)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON agents TO app;
SELECT count(*) AS steps FROM warden.protect('agents', shareable => true);
\connect "dbname=demo user=app host=127.0.0.1 port=":pooler_port

BEGIN;
SELECT warden.authenticate(:'alice_token');
INSERT INTO agents (id, name) VALUES (1, 'researcher'), (2, 'ghostwriter');
SELECT warden.share('agents', 1, :'bob', 'use') IS NOT NULL AS shared;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'bob_token');
SELECT name, warden.access_level('agents', id) FROM agents;
\set QUIET off
UPDATE agents SET name = 'bob''s researcher';
\set QUIET on
COMMIT;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT warden.share('agents', 1, :'bob', 'edit') IS NOT NULL AS shared;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'bob_token');
\set QUIET off
UPDATE agents SET name = 'scholar';
DELETE FROM agents;
\set QUIET on
SELECT name, warden.access_level('agents', id) FROM agents;
COMMIT;

BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT count(*) FROM agents;
SELECT warden.access_level('agents', 1);
SELECT warden.share('agents', 1, :'mallory', 'view');
ROLLBACK;
-- There is no agent 4711: mallory is told the same.
BEGIN;
SELECT warden.authenticate(:'mallory_token');
SELECT warden.share('agents', 4711, :'mallory', 'view');
ROLLBACK;

BEGIN;
SELECT warden.authenticate(:'alice_token');
SELECT name FROM agents ORDER BY id;
COMMIT;

\echo
\echo '== 7. Bob is suspended: his token, still valid for minutes, is refused at once'
\echo
\connect "dbname=demo user=postgres host=":socket_dir" port=":port
SELECT warden.set_user_status(:'bob', 'suspended');
\connect "dbname=demo user=app host=127.0.0.1 port=":pooler_port
BEGIN;
SELECT warden.authenticate(:'bob_token');
ROLLBACK;

\echo
\echo '== 8. The operator asks why, and who did what'
\echo
\connect "dbname=demo user=postgres host=":socket_dir" port=":port
SELECT "check", passed, detail FROM warden.explain_token(:'bob_token') WHERE NOT passed;
SELECT action, object, database_role FROM warden.audit_log ORDER BY id;
