-- A14: roles that must not be clients, each with its reason and remedy: what is not bound by row security, what can take
-- protection away, what can become either, and roles whose logins can.
\ir lib/cast.sql
SELECT warden.remove_database_role('app');
CREATE ROLE attack_a14_bypass LOGIN BYPASSRLS;
CREATE ROLE attack_a14_super LOGIN SUPERUSER;
CREATE ROLE attack_a14_creator LOGIN CREATEROLE;
CREATE ROLE attack_a14_replicator LOGIN REPLICATION;
CREATE ROLE attack_a14_programs LOGIN IN ROLE pg_execute_server_program;
CREATE ROLE attack_a14_writer LOGIN IN ROLE pg_write_server_files;
CREATE ROLE attack_a14_file_reader LOGIN IN ROLE pg_read_server_files;
CREATE ROLE attack_a14_read_all LOGIN IN ROLE pg_read_all_data;
CREATE ROLE attack_a14_write_all LOGIN IN ROLE pg_write_all_data;
CREATE ROLE attack_a14_dba LOGIN;
SELECT format('ALTER DATABASE %I OWNER TO attack_a14_dba', current_database()) \gexec
-- A chain of memberships that ends at somebody who is not bound.
CREATE ROLE attack_a14_middle IN ROLE attack_a14_bypass;
CREATE ROLE attack_a14_chain LOGIN IN ROLE attack_a14_middle;
CREATE ROLE attack_a14_noinherit LOGIN NOINHERIT IN ROLE attack_a14_middle;
-- NOLOGIN roles, as PostgREST has them: a good login of theirs, and a bad one.
CREATE ROLE attack_a14_web_good;
CREATE ROLE attack_a14_authenticator_good LOGIN NOINHERIT IN ROLE attack_a14_web_good;
CREATE ROLE attack_a14_web_bad;
CREATE ROLE attack_a14_authenticator_bad LOGIN NOINHERIT IN ROLE attack_a14_web_bad, attack_a14_bypass;
CREATE ROLE attack_a14_web_super;
GRANT attack_a14_web_super TO attack_a14_super;
-- A table, protected, of a role that the client could become.
CREATE ROLE attack_a14_tables NOLOGIN;
CREATE ROLE attack_a14_deployer LOGIN IN ROLE attack_a14_tables;
CREATE TABLE protected (id int, user_id uuid);
ALTER TABLE protected OWNER TO attack_a14_tables;
GRANT CREATE ON SCHEMA public TO attack_a14_tables;
SELECT count(*) FROM warden.protect('protected');

CREATE FUNCTION refused_as_client(role text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error jsonb := t.error(format('SELECT warden.add_client_role(%L)', role));
BEGIN
    RETURN t.ok(coalesce(error->>'sqlstate' = '55000' AND error->>'message' = format('role %s would void isolation', role)
            AND error->>'detail' ~ reason AND error->>'hint' <> '', false),
        format('%s: %s', role, reason), error::text);
END $$;
SELECT refused_as_client('attack_a14_super', 'role attack_a14_super is a superuser');
SELECT refused_as_client('attack_a14_bypass', 'role attack_a14_bypass has BYPASSRLS');
SELECT refused_as_client('attack_a14_creator', 'has CREATEROLE');
SELECT refused_as_client('attack_a14_replicator', 'has REPLICATION');
SELECT refused_as_client('attack_a14_programs', 'reaches the files or programs of the server');
SELECT refused_as_client('attack_a14_writer', 'reaches the files or programs of the server');
SELECT refused_as_client('attack_a14_file_reader', 'reaches the files or programs of the server');
SELECT refused_as_client('attack_a14_read_all', 'reaches every table');
SELECT refused_as_client('attack_a14_write_all', 'reaches every table');
SELECT refused_as_client('attack_a14_dba', 'owns this database');
SELECT refused_as_client('attack_a14_middle', 'role attack_a14_middle can become attack_a14_bypass, which has BYPASSRLS');
SELECT refused_as_client('attack_a14_chain', 'role attack_a14_chain can become attack_a14_bypass, which has BYPASSRLS');
SELECT refused_as_client('attack_a14_noinherit', 'can become attack_a14_bypass');
SELECT refused_as_client('attack_a14_web_bad', 'role attack_a14_authenticator_bad can become attack_a14_bypass');
SELECT refused_as_client('attack_a14_web_super', 'role attack_a14_super is a superuser');
SELECT refused_as_client('attack_a14_tables', 'owns a protected table');
SELECT refused_as_client('attack_a14_deployer', 'can become attack_a14_tables, which owns a protected table');
SELECT t.rows('SELECT FROM warden.database_roles', 0, 'none of them was added');
SELECT t.ok(NOT has_function_privilege('attack_a14_bypass', 'warden.authenticate(text, inet, uuid)', 'EXECUTE'), 'or granted anything');

-- The ordinary ones.
SELECT t.is(warden.add_client_role('app'), true, 'an ordinary login');
SELECT t.is(warden.add_client_role('attack_a14_web_good'), true, 'a NOLOGIN role of a good login');
\connect - attack_a14_authenticator_good
BEGIN;
SET LOCAL ROLE attack_a14_web_good;
SELECT t.is(warden.authenticate(:'alice_token'), :'alice'::uuid, 'which authenticates after SET ROLE');
COMMIT;
\connect - postgres

-- One duty, one role: what is trusted, has keys or administers is no client, and cannot be reached by one.
SELECT t.is(warden.add_trusted_role('gateway'), true, 'a trusted role');
SELECT t.is(warden.add_key_role('keymaster'), true, 'a key role');
SELECT t.is(warden.add_admin_role('boss'), true, 'an admin role');
SELECT t.refused(format('SELECT warden.add_client_role(%L)', role), '55000', role || ' is no client')
FROM (VALUES ('gateway'), ('keymaster'), ('boss')) AS r (role);
SELECT t.refused(format('SELECT warden.add_%s_role(''app'')', kind), '55000', 'the client is no ' || kind || ' role', 'client role app can become app')
FROM (VALUES ('trusted'), ('key'), ('admin')) AS k (kind);
CREATE ROLE attack_a14_inner;
GRANT attack_a14_inner TO app;
SELECT t.refused(format('SELECT warden.add_%s_role(''attack_a14_inner'')', kind), '55000', 'nor what the client can become: ' || kind)
FROM (VALUES ('trusted'), ('key'), ('admin')) AS k (kind);
GRANT gateway TO app2;
SELECT refused_as_client('app2', 'can become gateway, which was added as a trusted, key, admin or migration role');
REVOKE gateway FROM app2;
SELECT t.is(warden.add_client_role('app2'), true, 'without the membership it may be one');
SELECT t.refused('SELECT warden.add_trusted_role(''attack_a14_bypass'')', '55000', 'a trusted role is bound by row security, too');

SELECT format('ALTER DATABASE %I OWNER TO postgres', current_database()) \gexec
DROP TABLE protected;
DROP OWNED BY attack_a14_tables, attack_a14_web_good;
REVOKE attack_a14_inner FROM app;
DROP ROLE attack_a14_chain, attack_a14_noinherit, attack_a14_middle, attack_a14_authenticator_bad, attack_a14_web_bad,
    attack_a14_authenticator_good, attack_a14_web_good, attack_a14_web_super, attack_a14_deployer, attack_a14_tables,
    attack_a14_bypass, attack_a14_super, attack_a14_creator, attack_a14_replicator, attack_a14_programs, attack_a14_writer,
    attack_a14_file_reader, attack_a14_read_all, attack_a14_write_all, attack_a14_dba, attack_a14_inner;
SELECT t.done();
