-- A12: ALTER DEFAULT PRIVILEGES in favour of the client and of PUBLIC before CREATE EXTENSION. Afterwards everybody has what
-- the extension's lists say (privileges.sql says which), and no more.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO mallory_login WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO mallory_login WITH GRANT OPTION;
CREATE TABLE control (a int);
SELECT t.ok(has_table_privilege('app', 'control', 'INSERT'), 'the default privileges are in force');

CREATE EXTENSION pg_warden;
\ir lib/privileges.sql
SELECT t.is(differences(ARRAY['SCHEMA warden: USAGE TO PUBLIC', 'VIEW audit_log: SELECT TO PUBLIC'],
    (SELECT array_agg(g) FROM grants() AS g WHERE g NOT LIKE 'FUNCTION %')), NULL, 'no table, view, sequence, type or schema beyond the list');
SELECT t.is(differences(ARRAY(SELECT 'FUNCTION ' || f || ': EXECUTE TO PUBLIC' FROM expected_for('PUBLIC') AS f),
    (SELECT array_agg(g) FROM grants() AS g WHERE g LIKE 'FUNCTION %')), NULL, 'no function beyond the list');

-- The client that default privileges favoured gets what every client gets.
SELECT warden.add_client_role('app');
SELECT t.is(differences(ARRAY(SELECT 'FUNCTION ' || f || ': EXECUTE TO app' FROM expected_for('client') AS f),
    (SELECT array_agg(g) FROM grants() AS g WHERE g LIKE '% TO app%')), NULL, 'a client role has the list of clients');
\connect - app
SELECT t.refused('INSERT INTO warden.trusted_issuers DEFAULT VALUES', '42501', 'it writes no issuer');
SELECT t.refused('SELECT warden.set_current_user(gen_random_uuid())', '42501', 'and states no identity');
SELECT t.refused('CREATE TABLE warden.x ()', '42501', 'and creates nothing in the schema');

-- Functions a superuser makes later, by an upgrade say, are for the upgrade script to close: the function for it does.
\connect - postgres
CREATE FUNCTION warden.later() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT t.ok(has_function_privilege('app', 'warden.later()', 'EXECUTE'), 'a later function is open by default privileges');
SELECT t.ok(warden.revoke_everything() > 0, 'revoke_everything() closes');
SELECT t.is(array_agg(g)::text, NULL, 'everything') FROM grants() AS g;
SELECT t.done();
