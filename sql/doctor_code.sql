-- doctor(): views, functions and policies through which clients could see more than their rows.

CREATE FUNCTION warden.without_settings(expression text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    -- As Postgres prints the call; both sides are text.
    SELECT regexp_replace(
        regexp_replace(without_settings.expression,
            E'current_setting\\(''app\\.current_(user_id|tenant_id|actor_id|session_id)''::text(, (true|false))?\\)',
            E'(warden.current_\\1())::text', 'gi'),
        E'current_setting\\(''app\\.current_scopes''::text(, (true|false))?\\)',
        'array_to_string(warden.current_scopes(), '' ''::text)', 'gi');
END;

COMMENT ON FUNCTION warden.without_settings(text) IS
    'An expression that calls our functions instead of reading the settings app.current_…; both give text.';

-- Which role reads the table below a view: the owner of the lowest view on the way that is not a
-- security_invoker. A materialized view has read it already, for everybody.
CREATE FUNCTION warden.findings_of_views() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE readers AS MATERIALIZED (
        SELECT DISTINCT r.ev_class AS reader, d.refobjid AS relation
        FROM pg_rewrite r
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
        WHERE r.ev_type = '1' AND d.refobjid <> r.ev_class
    ), views AS MATERIALIZED (
        SELECT c.oid AS view, c.relkind AS kind, c.relowner AS owner, format('%I.%I', n.nspname, c.relname) AS name,
               coalesce((SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) o
                         WHERE o.option_name = 'security_invoker'), false) AS is_invoker
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND n.nspname <> 'warden'
    ), ways (view, decided_by) AS (
        SELECT p.relation::oid, NULL::oid FROM warden.protections p
        UNION
        SELECT v.view, CASE WHEN w.decided_by IS NOT NULL THEN w.decided_by
                            WHEN v.kind = 'm' OR NOT v.is_invoker THEN v.view END
        FROM ways w JOIN readers r ON r.relation = w.view JOIN views v ON v.view = r.reader
    ), shown AS (
        -- The views that clients may read, each with the one that decides as whom the table is read.
        SELECT w.decided_by, string_agg(DISTINCT warden.grantee_name(g.grantee), ', ') AS grantees,
               string_agg(DISTINCT v.name, ', ') AS names
        FROM ways w JOIN warden.client_grants() g ON g.relation = w.view JOIN views v ON v.view = w.view
        WHERE w.decided_by IS NOT NULL
        GROUP BY w.decided_by
    ), revocations AS (
        SELECT g.decided_by, string_agg(format('REVOKE ALL ON TABLE %s FROM %s CASCADE;', g.name, g.grantees), E'\n' ORDER BY g.name) AS sql
        FROM (SELECT w.decided_by, v.name, string_agg(DISTINCT warden.grantee_name(g.grantee), ', ') AS grantees
              FROM ways w JOIN warden.client_grants() g ON g.relation = w.view JOIN views v ON v.view = w.view
              GROUP BY w.decided_by, v.name) AS g
        GROUP BY g.decided_by
    )
    SELECT 'view_bypasses_row_security', v.name,
           format('it reads a protected table as its owner %s, whom row-level security does not bind, and shows every row to %s (through %s)',
                  v.owner::regrole, s.grantees, s.names),
           format(E'-- Or give it to an ordinary role: ALTER VIEW … OWNER TO …\nALTER VIEW %s SET (security_invoker = true);', v.name)
    FROM shown s JOIN views v ON v.view = s.decided_by
    WHERE v.kind = 'v' AND warden.is_bypassing(v.owner)

    UNION ALL
    SELECT 'materialized_view_granted', v.name,
           format('it is a copy of rows of a protected table that no policy is asked about, shown to %s (through %s)', s.grantees, s.names),
           r.sql
    FROM shown s JOIN views v ON v.view = s.decided_by JOIN revocations r ON r.decided_by = s.decided_by
    WHERE v.kind = 'm'
$$;

COMMENT ON FUNCTION warden.findings_of_views() IS
    'The part of doctor() about views and materialized views over protected tables that clients may read.';

CREATE FUNCTION warden.findings_of_functions() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH reach AS MATERIALIZED (
        SELECT r.reached FROM warden.client_reach() r
    ), functions AS MATERIALIZED (
        SELECT p.oid, p.oid::regprocedure::text AS name, p.proowner AS owner, p.prosecdef AS is_definer, p.provolatile AS volatility,
               n.nspname AS schema, l.lanname IN ('c', 'internal') AS is_compiled, p.prosqlbody IS NOT NULL AS is_parsed,
               (SELECT substr(c.setting, length('search_path=') + 1) FROM unnest(p.proconfig) AS c (setting)
                WHERE starts_with(c.setting, 'search_path=')) AS path,
               concat_ws(E'\n', p.prosrc, CASE WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid) END,
                         array_to_string(p.proconfig, E'\n')) AS body,
               -- Whoever fires a trigger runs its function, without EXECUTE.
               CASE WHEN p.prorettype = 'trigger'::regtype AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid)
                    THEN 'whoever fires its trigger'
                    ELSE (SELECT string_agg(DISTINCT warden.grantee_name(a.grantee), ', ')
                          FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                          WHERE a.privilege_type = 'EXECUTE' AND (a.grantee = 0 OR a.grantee IN (SELECT r.reached FROM reach r))) END AS callers
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'warden')
          AND (p.prosecdef OR p.provolatile = 'i')
          AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
    ), definers AS (
        -- One that runs as a role of the clients' gives them nothing. Compiled code and BEGIN ATOMIC look up no names.
        SELECT f.*, f.body ~* E'set_config|\\mset\\M' AND f.body ~* E'\\mapp\\.current_(user_id|tenant_id|session_id|actor_id|scopes)\\M' AS sets_identity
        FROM functions f
        WHERE f.is_definer AND f.callers IS NOT NULL AND f.owner NOT IN (SELECT r.reached FROM reach r)
    )
    SELECT 'definer_without_search_path', f.name,
           format('it runs as %s with the search_path of whoever calls it (%s): what a caller plants there runs as %s',
                  f.owner::regrole, f.callers, f.owner::regrole),
           format(E'-- Name every schema whose objects it means, pg_temp last.\nALTER ROUTINE %s SET search_path = %s, pg_temp;', f.name,
                  CASE f.schema WHEN 'public' THEN 'pg_catalog, public' ELSE format('pg_catalog, %I', f.schema) END)
    FROM definers f
    WHERE f.path IS NULL AND NOT f.is_compiled AND NOT f.is_parsed

    UNION ALL
    SELECT 'definer_searches_temporary', f.name,
           format('its search_path (%s) does not say where pg_temp comes, so it comes first: a caller''s temporary table (%s) stands in the way of the one that is meant',
                  f.path, f.callers),
           format('ALTER ROUTINE %s SET search_path = %s, pg_temp;', f.name, f.path)
    FROM definers f
    -- With an empty path every name is qualified.
    WHERE f.path NOT IN ('', '""') AND f.path !~ '[[:<:]]pg_temp[[:>:]]' AND NOT f.is_compiled AND NOT f.is_parsed
      AND EXISTS (SELECT FROM pg_roles r WHERE r.oid IN (SELECT e.reached FROM reach e)
                  AND has_database_privilege(r.oid, current_database(), 'TEMPORARY'))

    UNION ALL
    SELECT 'definer_sets_identity', f.name,
           format('it lets %s set app.current_…, which policies of the time before pg_warden believe; it fails once the library is loaded',
                  f.callers),
           format(E'-- Drop it when nothing calls it any more.\nREVOKE EXECUTE ON ROUTINE %s FROM %s CASCADE;', f.name, f.callers)
    FROM definers f
    WHERE f.sets_identity AND f.callers NOT LIKE 'whoever%'

    UNION ALL
    SELECT 'definer_bypasses_row_security', f.name,
           format('it runs as %s, whom row-level security does not bind, and may be called by %s', f.owner::regrole, f.callers),
           format(E'-- Or give it to an ordinary role: ALTER ROUTINE … OWNER TO …\nALTER ROUTINE %s SECURITY INVOKER;', f.name)
    FROM definers f
    WHERE warden.is_bypassing(f.owner) AND NOT f.is_compiled AND NOT (f.sets_identity AND f.callers NOT LIKE 'whoever%')

    UNION ALL
    SELECT 'immutable_identity', f.name,
           'it is declared IMMUTABLE and asks who the user is: a cached plan keeps the answer, and shows the next user the rows of the first',
           format('ALTER ROUTINE %s STABLE;', f.name)
    FROM functions f
    WHERE f.volatility = 'i'
      AND f.body ~* E'\\mwarden\\.(current_(user_id|external_id|external_number|tenant_id|session_id|actor_id|roles|scopes)|identity|require_user)\\s*\\(|\\mcurrent_setting\\s*\\(\\s*''(app\\.current_|warden\\.)'
$$;

COMMENT ON FUNCTION warden.findings_of_functions() IS
    'The part of doctor() about functions: SECURITY DEFINER ones that clients may call, and identities declared IMMUTABLE.';

CREATE FUNCTION warden.findings_of_code() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.code, v.object, v.problem, v.remedy FROM warden.findings_of_views() v
    UNION ALL
    SELECT f.code, f.object, f.problem, f.remedy FROM warden.findings_of_functions() f
    UNION ALL
    -- Until the library is loaded in a backend, anybody sets what such a policy believes.
    SELECT 'policy_reads_setting', format('%I on %s', y.polname, t.name),
           'it believes a setting that any SQL can make, in a backend that has not loaded the library; warden.current_user_id() loads it',
           format('ALTER POLICY %I ON %s%s%s;', y.polname, t.name,
                  ' USING (' || warden.without_settings(pg_get_expr(y.polqual, y.polrelid)) || ')',
                  ' WITH CHECK (' || warden.without_settings(pg_get_expr(y.polwithcheck, y.polrelid)) || ')')
    FROM pg_policy y JOIN warden.application_relations() t ON t.relation = y.polrelid
    WHERE concat_ws(' ', pg_get_expr(y.polqual, y.polrelid), pg_get_expr(y.polwithcheck, y.polrelid))
              ~* E'current_setting\\(''app\\.current_(user_id|tenant_id|session_id|actor_id|scopes)'''
      -- On a protected table it is an extra policy, whatever it reads.
      AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation::oid = t.relation)
$$;

COMMENT ON FUNCTION warden.findings_of_code() IS
    'The part of doctor() about views, functions and policies.';
