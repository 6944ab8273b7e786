-- Who may do what in schema warden: exactly what lib/privileges.sql lists, for PUBLIC and for each kind of role, before
-- and after roles are added and removed.
\ir lib/privileges.sql

CREATE FUNCTION lists(kinds text[], role text) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(DISTINCT 'FUNCTION ' || f || ': EXECUTE TO ' || role)
    FROM unnest(kinds) AS kind CROSS JOIN LATERAL expected_for(kind) AS f
$$;
CREATE FUNCTION granted_to(role text) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(g) FROM grants() AS g WHERE g LIKE '% TO ' || role
$$;

SELECT t.is(differences(lists('{PUBLIC}', 'PUBLIC') || ARRAY['SCHEMA warden: USAGE TO PUBLIC', 'VIEW audit_log: SELECT TO PUBLIC'],
    (SELECT array_agg(g) FROM grants() AS g)), NULL, 'installed: PUBLIC has its list, and nobody else anything');

-- What \df+ shows.
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'every function says what it takes, returns and raises')
FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = '';
SELECT t.is(string_agg(f.oid::regprocedure::text, ', '), NULL, 'those for another type of keys what that for a text does')
FROM pg_proc f JOIN pg_proc a ON a.pronamespace = f.pronamespace AND a.proname = f.proname AND a.proargtypes[1] = 'text'::regtype
WHERE f.pronamespace = 'warden'::regnamespace AND f.proargtypes[0] = 'regclass'::regtype AND f.proargnames[2] = 'id'
  AND obj_description(f.oid, 'pg_proc') IS DISTINCT FROM obj_description(a.oid, 'pg_proc');

SELECT t.is(warden.add_client_role('app'), true, 'a client');
SELECT t.is(warden.add_trusted_role('gateway'), true, 'a trusted role');
SELECT t.is(warden.add_key_role('keymaster'), true, 'a key role');
SELECT t.is(warden.add_admin_role('boss'), true, 'an admin role');
SELECT t.is(differences(lists('{client}', 'app'), granted_to('app')), NULL, 'a client has the list of clients');
SELECT t.is(differences(lists('{trusted}', 'gateway'), granted_to('gateway')), NULL, 'a trusted role that of trusted roles');
SELECT t.is(differences(lists('{key}', 'keymaster'), granted_to('keymaster')), NULL, 'a key role that of key roles');
SELECT t.is(differences(lists('{admin}', 'boss')
        || ARRAY['VIEW issuers: SELECT TO boss', 'VIEW protected_tables: SELECT TO boss', 'VIEW exempt_tables: SELECT TO boss'], granted_to('boss')), NULL,
    'an admin role that of admin roles, and three views');
SELECT t.is(warden.add_client_role('app'), false, 'adding again changes nothing');
SELECT t.is(differences(lists('{client}', 'app'), granted_to('app')), NULL, 'nor the privileges');

-- What the client may call, it may; what not, not.
\connect - app
SELECT t.ok(count(*) > 0 AND bool_and(has_function_privilege('warden.' || f, 'EXECUTE')), 'a client may execute its list and that of PUBLIC')
FROM (SELECT expected_for('client') UNION SELECT expected_for('PUBLIC')) AS e (f);
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'and nothing else')
FROM pg_proc p
WHERE p.pronamespace = 'warden'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')
  AND p.oid NOT IN (SELECT ('warden.' || f)::regprocedure FROM (SELECT expected_for('client') UNION SELECT expected_for('PUBLIC')) AS e (f));
\connect - keymaster
SELECT t.is(string_agg(p.oid::regprocedure::text, ', '), 'warden.set_issuer_keys(text,text)', 'a key role may do one thing beyond PUBLIC''s')
FROM pg_proc p
WHERE p.pronamespace = 'warden'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')
  AND p.oid NOT IN (SELECT ('warden.' || f)::regprocedure FROM expected_for('PUBLIC') AS f);

\connect - postgres
SELECT t.is(warden.remove_database_role(role::regrole), true, 'removed: ' || role)
FROM (VALUES ('app'), ('gateway'), ('keymaster'), ('boss')) AS r (role);
SELECT t.is(warden.remove_database_role('app'), false, 'removed once');
SELECT t.is(differences(lists('{PUBLIC}', 'PUBLIC') || ARRAY['SCHEMA warden: USAGE TO PUBLIC', 'VIEW audit_log: SELECT TO PUBLIC'],
    (SELECT array_agg(g) FROM grants() AS g)), NULL, 'all is as it was when installed');

-- A role of several kinds loses all of them, and only what the extension gave it.
SELECT warden.add_key_role('boss'), warden.add_admin_role('boss');
SELECT t.is(differences(lists('{key,admin}', 'boss')
        || ARRAY['VIEW issuers: SELECT TO boss', 'VIEW protected_tables: SELECT TO boss', 'VIEW exempt_tables: SELECT TO boss'], granted_to('boss')), NULL, 'of two kinds: both lists');
SELECT warden.remove_database_role('boss');
SELECT t.is(granted_to('boss')::text, NULL, 'removed: none');
SELECT t.refused('SELECT warden.add_client_role(NULL)', '22023', 'no role');
SELECT t.refused('SELECT warden.add_client_role(0::oid::regrole)', '22023', 'the role PUBLIC');
SELECT t.refused('SELECT warden.add_client_role(4294967295::oid::regrole)', '22023', 'a role that does not exist');
SELECT t.done();
