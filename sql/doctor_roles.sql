-- doctor(): what client roles are and can become.

CREATE FUNCTION warden.findings_of_roles() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    -- A role that was dropped is nobody's way in.
    WITH clients AS (
        SELECT r.oid AS role, quote_ident(r.rolname) AS name
        FROM pg_roles r
        WHERE EXISTS (SELECT FROM warden.database_roles d WHERE d.role = r.oid AND d.kind IN ('client', 'trusted'))
    ), reach AS MATERIALIZED (
        SELECT r.reached, min(r.client::oid)::regrole::text AS client FROM warden.client_reach() r GROUP BY r.reached
    ), protected_schemas AS (
        SELECT DISTINCT c.relnamespace AS schema
        FROM warden.protections p JOIN pg_class c ON c.oid = p.relation
    )
    -- Tables are named one by one below.
    SELECT DISTINCT o.code, c.name, o.reason, o.mend
    FROM clients c CROSS JOIN LATERAL warden.isolation_obstacles(c.role::regrole) AS o
    WHERE o.code <> 'client_owns_table'

    UNION ALL
    SELECT 'client_owns_table', t.name,
           format('its owner is %s, as which client role %s can act: an owner can take protection away', t.owner::regrole, r.client),
           format('ALTER TABLE %s OWNER TO %s;', t.name, warden.role_out_of_reach())
    FROM warden.application_relations() t JOIN reach r ON r.reached = t.owner
    WHERE t.kind IN ('r', 'p')
      AND (t.row_security
           OR EXISTS (SELECT FROM warden.protections p WHERE p.relation::oid = t.relation)
           OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
                      AND a.attname IN (SELECT warden.owner_columns())))

    UNION ALL
    SELECT 'client_owns_schema', quote_ident(n.nspname),
           format('its owner is %s, as which client role %s can act: it can drop the protected tables in it and put its own in their place',
                  n.nspowner::regrole, r.client),
           format('ALTER SCHEMA %I OWNER TO %s;', n.nspname, warden.role_out_of_reach())
    FROM protected_schemas s JOIN pg_namespace n ON n.oid = s.schema JOIN reach r ON r.reached = n.nspowner

    UNION ALL
    SELECT 'client_creates_objects', quote_ident(n.nspname),
           format('%s may create functions and operators in it, which others'' statements can pick up instead of those they mean',
                  string_agg(warden.grantee_name(a.grantee), ', ' ORDER BY a.grantee)),
           format('REVOKE CREATE ON SCHEMA %I FROM %s CASCADE;', n.nspname,
                  string_agg(warden.grantee_name(a.grantee), ', ' ORDER BY a.grantee))
    FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
    WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
      AND (a.grantee = 0 OR a.grantee IN (SELECT r.reached FROM reach r))
      AND (n.nspname = 'public' OR n.oid IN (SELECT s.schema FROM protected_schemas s))
    GROUP BY n.oid, n.nspname

    UNION ALL
    SELECT 'client_reads_statements', c.name,
           format('role %s has the rights of pg_read_all_stats: it is shown the statements of every other role, with the values in them', c.name),
           warden.revoke_membership(s.oid, c.role)
    FROM clients c JOIN pg_roles s ON s.rolname = 'pg_read_all_stats'
    WHERE s.oid IN (SELECT warden.roles_within_reach(c.role::regrole))

    UNION ALL
    SELECT 'temporary_granted', d.name,
           format('%s may make temporary tables: they keep the rows of one user on a pooled connection, and can stand in the way of names that a function means',
                  string_agg(warden.grantee_name(a.grantee), ', ' ORDER BY a.grantee)),
           format('REVOKE TEMPORARY ON DATABASE %s FROM %s CASCADE;', d.name,
                  string_agg(warden.grantee_name(a.grantee), ', ' ORDER BY a.grantee))
    FROM (SELECT quote_ident(d.datname) AS name, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)) AS acl
          FROM pg_database d WHERE d.datname = current_database()) AS d
    CROSS JOIN LATERAL aclexplode(d.acl) AS a
    WHERE a.privilege_type = 'TEMPORARY' AND a.grantee <> d.datdba
      AND (a.grantee = 0 OR a.grantee IN (SELECT r.reached FROM reach r))
    GROUP BY d.name

    UNION ALL
    -- Beyond what the extension granted when it was created, and by the list of functions_for().
    SELECT 'extension_granted', o.object,
           format('%s was granted %s on what belongs to the extension: keys, users and the list of roles are no client''s',
                  warden.grantee_name(a.grantee), string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)),
           format('REVOKE %s ON %s FROM %s CASCADE;', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
                  o.object, warden.grantee_name(a.grantee))
    FROM (
        SELECT 'SCHEMA warden' AS object, 'pg_namespace'::regclass AS class, n.oid AS id, n.nspowner AS owner, n.nspacl AS acl
        FROM pg_namespace n WHERE n.nspname = 'warden'
        UNION ALL
        SELECT 'FUNCTION ' || p.oid::regprocedure, 'pg_proc'::regclass, p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc p WHERE p.pronamespace = 'warden'::regnamespace
          AND (p.proacl IS NOT NULL OR p.oid <> ALL (warden.owner_functions()))
        UNION ALL
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass, 'pg_class'::regclass, c.oid, c.relowner, c.relacl
        FROM pg_class c WHERE c.relnamespace = 'warden'::regnamespace AND c.relkind IN ('r', 'v', 'S')
    ) AS o
    CROSS JOIN LATERAL aclexplode(o.acl) AS a
    WHERE a.grantee <> o.owner AND (a.grantee = 0 OR a.grantee IN (SELECT r.reached FROM reach r))
      AND NOT EXISTS (
        SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) AS g
        WHERE i.classoid = o.class AND i.objoid = o.id AND i.objsubid = 0
          AND g.grantee = a.grantee AND g.privilege_type = a.privilege_type)
      AND NOT EXISTS (
        SELECT FROM warden.database_roles d CROSS JOIN LATERAL warden.functions_for(d.kind) AS f (function)
        WHERE o.class = 'pg_proc'::regclass AND d.role = a.grantee AND f.function = o.id)
    GROUP BY o.object, a.grantee
$$;

COMMENT ON FUNCTION warden.findings_of_roles() IS
    'The part of doctor() about client and trusted roles: what they are, can become, own and were granted beside tables.';
