-- doctor(): the server, its settings, and the guards of the database as a whole.

CREATE FUNCTION warden.is_off(value text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT lower(is_off.value) IN ('off', 'false', 'no', '0', 'of', 'f', 'fa', 'fal', 'fals', 'n');
END;

COMMENT ON FUNCTION warden.is_off(text) IS 'Whether Postgres reads the value of a boolean setting as off.';

CREATE FUNCTION warden.patched_version(version_number int) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT format('%s.%s', p.major, p.minor)
    FROM (VALUES (15, 20), (16, 16), (17, 12), (18, 7)) AS p (major, minor)
    WHERE p.major = patched_version.version_number / 10000 AND patched_version.version_number % 10000 < p.minor;
END;

COMMENT ON FUNCTION warden.patched_version(int) IS
    'The minor version that closes the holes in row-level security known of this major, where the given server_version_num is below it; NULL otherwise.';

-- Not what the session has that asks: what every new one will have. Values of ALTER SYSTEM and of the
-- configuration files are there once the server has read them.
CREATE FUNCTION warden.stored_settings() RETURNS TABLE (
    role oid, database oid, name text, value text, whose text, reset text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.setrole, s.setdatabase, lower(split_part(c.setting, '=', 1)), substr(c.setting, strpos(c.setting, '=') + 1),
           concat_ws(' in ', CASE WHEN s.setrole <> 0 THEN 'role ' || s.setrole::regrole
                                  WHEN s.setdatabase = 0 THEN 'all roles' END,
                     'database ' || quote_ident(d.datname)),
           CASE WHEN s.setrole = 0 AND d.datname IS NOT NULL THEN format('ALTER DATABASE %I RESET %s;', d.datname, split_part(c.setting, '=', 1))
                ELSE format('ALTER ROLE %s%s RESET %s;', CASE s.setrole WHEN 0 THEN 'ALL' ELSE s.setrole::regrole::text END,
                            ' IN DATABASE ' || quote_ident(d.datname), split_part(c.setting, '=', 1)) END
    FROM pg_db_role_setting s
    LEFT JOIN pg_database d ON d.oid = s.setdatabase
    CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
    WHERE s.setdatabase = 0 OR d.datname = current_database()

    UNION ALL
    SELECT 0, 0, f.name, f.value, 'the server',
           format(E'ALTER SYSTEM SET %s = %s;\nSELECT pg_reload_conf();', f.name,
                  CASE f.name WHEN 'session_replication_role' THEN 'origin' WHEN 'event_triggers' THEN 'on' ELSE 'off' END)
    FROM (SELECT DISTINCT ON (lower(f.name)) lower(f.name) AS name, f.setting AS value FROM pg_file_settings f
          WHERE f.error IS NULL OR f.applied ORDER BY lower(f.name), f.seqno DESC) AS f
    WHERE f.name IN ('warden.allow_identity_switch', 'session_replication_role', 'event_triggers')
$$;

COMMENT ON FUNCTION warden.stored_settings() IS
    'What roles, this database and the configuration files set for sessions to come (role, database: 0 where it is for all), with the statement that takes it back.';

CREATE FUNCTION warden.names_library(libraries text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM unnest(string_to_array(names_library.libraries, ',')) AS u (item)
        WHERE btrim(u.item, ' "') ~ '^(.*/)?pg_warden([.]so)?$');
END;

COMMENT ON FUNCTION warden.names_library(text) IS 'Whether a list of libraries to preload names pg_warden.';

CREATE FUNCTION warden.findings_of_preloading() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH stored AS MATERIALIZED (
        SELECT s.role, s.database, s.value FROM warden.stored_settings() s WHERE s.name = 'session_preload_libraries'
    ), base AS (
        -- What a session has for which nothing else is said: not what is said for the one that asks.
        SELECT CASE WHEN s.source IN ('default', 'configuration file', 'command line', 'environment variable') THEN s.setting
                    ELSE coalesce((SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name AND f.error IS NULL
                                   ORDER BY f.seqno DESC LIMIT 1), s.boot_val) END AS value
        FROM pg_settings s WHERE s.name = 'session_preload_libraries'
    ), clients AS (
        SELECT r.oid AS login, quote_ident(r.rolname) AS name
        FROM pg_roles r
        WHERE r.rolcanlogin AND NOT r.rolsuper AND EXISTS (
            SELECT FROM warden.database_roles d JOIN pg_roles k ON k.oid = d.role
            WHERE d.kind IN ('client', 'trusted') AND pg_has_role(r.oid, k.oid, 'MEMBER'))
    ), logins AS (
        SELECT c.login, c.name FROM clients c
        UNION ALL
        -- Before there is a client: what the first one will have.
        SELECT 0, NULL WHERE NOT EXISTS (SELECT FROM clients)
    ), said AS (
        -- The most special of what is said for a login.
        SELECT DISTINCT ON (l.login) l.name, o.role, o.database, o.value
        FROM logins l JOIN (
            SELECT s.role, s.database, s.value FROM stored s
            UNION ALL
            SELECT NULL, NULL, b.value FROM base b) AS o ON coalesce(o.role, 0) IN (0, l.login)
        ORDER BY l.login, o.role <> 0 DESC NULLS LAST, o.database <> 0 DESC NULLS LAST
    )
    SELECT 'library_not_preloaded', x.object,
           'a backend has the settings and hooks of pg_warden only after the first call of one of its functions; until then anybody sets app.current_user_id, and a cascade between tables of a client sets off code that row security of views'' and functions'' owners does not bind',
           format('ALTER %s SET session_preload_libraries = %s;', x.object, (
               SELECT string_agg(quote_literal(l.library), ', ' ORDER BY l.position)
               FROM (SELECT btrim(u.item, ' "') AS library, u.position
                     FROM unnest(string_to_array(x.value, ',')) WITH ORDINALITY AS u (item, position)
                     UNION ALL SELECT 'pg_warden', 1000) AS l
               WHERE l.library <> ''))
    FROM (
        SELECT DISTINCT
            CASE WHEN s.role <> 0 THEN 'ROLE ' || s.name || CASE WHEN s.database <> 0 THEN format(' IN DATABASE %I', current_database()) ELSE '' END
                 ELSE format('DATABASE %I', current_database()) END AS object,
            s.value
        FROM said s
        WHERE NOT warden.names_library(s.value)
    ) AS x
    WHERE NOT warden.names_library(current_setting('shared_preload_libraries'))
$$;

COMMENT ON FUNCTION warden.findings_of_preloading() IS
    'The part of doctor() about session_preload_libraries: what the logins of clients will have.';

CREATE FUNCTION warden.findings_of_server() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH stored AS MATERIALIZED (
        SELECT s.role, s.database, s.name, s.value, s.whose, s.reset FROM warden.stored_settings() s
    )
    SELECT 'server_outdated', 'PostgreSQL ' || current_setting('server_version'),
           format('row-level security of this version has known holes, which PostgreSQL %s closes', u.patched),
           format('-- Update the server to PostgreSQL %s or later, and restart it.', u.patched)
    FROM warden.patched_version(current_setting('server_version_num')::int) AS u (patched)
    WHERE u.patched IS NOT NULL

    UNION ALL
    SELECT 'event_trigger_disabled', e.name,
           'it is what refuses to weaken protected tables and protects new partitions and tables of watched schemas',
           format('ALTER EVENT TRIGGER %s ENABLE;', e.name)
    FROM (SELECT quote_ident(t.evtname) AS name, t.evtenabled
          FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid
          WHERE p.pronamespace = 'warden'::regnamespace) AS e
    WHERE e.evtenabled NOT IN ('O', 'A')

    UNION ALL
    SELECT 'triggers_switched_off', s.whose,
           format('%s = %s there: triggers of tables or event triggers do not fire, those of protected tables among them', s.name, s.value),
           s.reset
    FROM stored s
    WHERE (s.name = 'session_replication_role' AND s.value <> 'origin')
       OR (s.name = 'event_triggers' AND warden.is_off(s.value))

    UNION ALL
    SELECT 'identity_switch_allowed', s.whose,
           'warden.allow_identity_switch is on there: one transaction can act for several users in turn, which is for test suites only',
           s.reset
    FROM stored s
    WHERE s.name = 'warden.allow_identity_switch' AND NOT warden.is_off(s.value)

    UNION ALL
    SELECT 'identity_setting_stored', format('%s for %s', s.name, s.whose),
           'a backend that has not loaded the library begins with this identity, and policies that read the setting believe it',
           s.reset
    FROM stored s
    WHERE s.name IN ('app.current_user_id', 'app.current_tenant_id', 'app.current_session_id', 'app.current_actor_id', 'app.current_scopes',
                     'warden.identity', 'warden.admin_role')

    UNION ALL
    SELECT 'parameter_granted', p.parname,
           format('%s was granted %s on it, which is for superusers only', warden.grantee_name(a.grantee),
                  string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)),
           format('REVOKE %s ON PARAMETER %s FROM %s CASCADE;', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
                  p.parname, warden.grantee_name(a.grantee))
    FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) AS a
    WHERE (p.parname LIKE 'warden.%' OR starts_with(p.parname, 'app.current_')
           OR p.parname IN ('session_replication_role', 'event_triggers', 'session_preload_libraries'))
      AND NOT coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.oid = a.grantee), false)
    GROUP BY p.parname, a.grantee

    UNION ALL
    SELECT n.code, n.object, n.problem, n.remedy FROM warden.findings_of_preloading() n
$$;

COMMENT ON FUNCTION warden.findings_of_server() IS
    'The part of doctor() about the server''s version and settings, and the event triggers.';
