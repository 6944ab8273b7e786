-- N2, A14: doctor() finds each client role that is, owns or can become what it must not, and what clients were granted
-- beside tables; its remedy mends it.
\ir lib/doctor.sql
CREATE ROLE doctor_roles_group;
CREATE ROLE doctor_roles_pool LOGIN NOINHERIT IN ROLE doctor_roles_group;
SELECT t.is(warden.add_client_role('doctor_roles_group'), true, 'a client that cannot log in, as PostgREST has them');

-- What the role is.
ALTER ROLE app SUPERUSER;
SELECT t.is(found(), 'client_is_superuser app', 'a superuser');
\ir lib/mend.sql
ALTER ROLE app BYPASSRLS;
SELECT t.is(found(), 'client_bypasses_row_security app', 'BYPASSRLS');
\ir lib/mend.sql
ALTER ROLE app CREATEROLE;
SELECT t.is(found(), 'client_makes_roles app', 'CREATEROLE');
\ir lib/mend.sql
ALTER ROLE gateway REPLICATION;
SELECT t.is(found(), 'client_replicates gateway', 'REPLICATION, of a trusted role');
\ir lib/mend.sql
GRANT pg_execute_server_program TO app;
SELECT t.is(found(), 'client_reaches_server app', 'programs of the server');
\ir lib/mend.sql
GRANT pg_read_server_files TO app;
SELECT t.is(found(), 'client_reaches_server app', 'files of the server');
\ir lib/mend.sql
GRANT pg_read_all_data TO app;
SELECT t.is(found(), 'client_reaches_all_tables app', 'all data');
\ir lib/mend.sql
GRANT pg_monitor TO app;
SELECT t.is(found(), 'client_reads_statements app', 'others'' statements, by way of pg_monitor');
\ir lib/mend.sql
SELECT t.ok(pg_has_role('pg_monitor', 'pg_read_all_stats', 'MEMBER'), 'pg_monitor is as it was');

-- What it can become, and what logins can that can become it.
CREATE ROLE doctor_roles_bypass BYPASSRLS;
CREATE ROLE doctor_roles_middle IN ROLE doctor_roles_bypass;
GRANT doctor_roles_middle TO app;
SELECT t.is(found(), 'client_bypasses_row_security app', 'BYPASSRLS by a chain of memberships');
\ir lib/mend.sql
SELECT t.ok(rolbypassrls AND NOT pg_has_role('app', rolname, 'MEMBER'), 'the other role keeps its right, the client loses its way to it')
FROM pg_roles WHERE rolname = 'doctor_roles_bypass';
GRANT doctor_roles_bypass TO doctor_roles_pool;
SELECT t.is(found(), 'client_bypasses_row_security doctor_roles_group', 'a login that can become the client and another');
\ir lib/mend.sql
ALTER ROLE doctor_roles_pool SUPERUSER;
SELECT t.is(found(), 'client_is_superuser doctor_roles_group', 'a login that can become the client and is a superuser');
\ir lib/mend.sql
GRANT doctor_roles_group TO postgres;
SELECT t.matches(found(), 'client_is_superuser doctor_roles_group', 'the cluster''s first superuser is a member of the client');
\ir lib/mend.sql
SELECT t.ok(rolsuper, 'and stays a superuser') FROM pg_roles WHERE rolname = 'postgres';
GRANT gateway TO app;
SELECT t.is(found(), 'client_has_other_duty app', 'a client that can become a trusted role');
\ir lib/mend.sql

-- What it owns, or can come to own.
CREATE ROLE doctor_roles_tables;
GRANT CREATE ON SCHEMA public TO doctor_roles_tables;
-- An owner is not changed where a client would get a protected table: an event trigger refuses it.
SELECT t.refused('ALTER TABLE documents OWNER TO app', '55000', 'a protected table is not given to a client');
ALTER TABLE documents OWNER TO doctor_roles_tables;
GRANT doctor_roles_tables TO app;
SELECT t.ok(found() LIKE '%client_owns_table public.documents%', 'the client can become the owner of a protected table', found());
\ir lib/mend.sql
REVOKE doctor_roles_tables FROM app;
ALTER TABLE documents OWNER TO owner;
SELECT t.is(found(), NULL, 'as before');
CREATE TABLE by_client (id int, user_id uuid);
ALTER TABLE by_client OWNER TO app;
SELECT t.matches(found(), '^client_owns_table public.by_client, table_unprotected public.by_client$', 'a client owns a table that is not protected yet');
\ir lib/mend.sql
DROP TABLE by_client;
ALTER DATABASE :"database" OWNER TO app;
SELECT t.is(found(), 'client_owns_database app', 'the database');
\ir lib/mend.sql
ALTER SCHEMA public OWNER TO app;
SELECT t.is(found(), 'client_owns_schema public', 'the schema of protected tables');
\ir lib/mend.sql

-- What it was granted besides.
GRANT CREATE ON SCHEMA public TO app, PUBLIC;
SELECT t.is(found(), 'client_creates_objects public', 'CREATE on the schema of protected tables');
\ir lib/mend.sql
GRANT TEMPORARY ON DATABASE :"database" TO app, PUBLIC;
SELECT t.is(found(), 'temporary_granted ' || current_database(), 'TEMP');
\ir lib/mend.sql
GRANT SELECT ON warden.users TO app;
SELECT t.is(found(), 'extension_granted TABLE warden.users', 'a table of ours');
\ir lib/mend.sql
GRANT EXECUTE ON FUNCTION warden.set_current_user(uuid, uuid, inet) TO PUBLIC;
SELECT t.is(found(), 'extension_granted FUNCTION warden.set_current_user(uuid,uuid,inet)', 'a function of ours, to everybody');
\ir lib/mend.sql
SELECT t.ok(has_function_privilege('gateway', 'warden.set_current_user(uuid,uuid,inet)', 'EXECUTE'), 'the trusted role keeps what is its own');
GRANT CREATE ON SCHEMA warden TO doctor_roles_group;
SELECT t.is(found(), 'extension_granted SCHEMA warden', 'our schema');
\ir lib/mend.sql

REVOKE CREATE ON SCHEMA public FROM doctor_roles_tables;
SELECT warden.remove_database_role('doctor_roles_group');
DROP ROLE doctor_roles_pool, doctor_roles_group, doctor_roles_middle, doctor_roles_bypass, doctor_roles_tables;
SELECT t.done();
