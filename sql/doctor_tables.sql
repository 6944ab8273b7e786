-- doctor(): tables, their partitions, policies and privileges.

CREATE FUNCTION warden.findings_of_restrictive_policies() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    -- Folding the restrictive policies into each permissive one can only narrow it: a policy for SELECT is
    -- folded into one for ALL, too.
    WITH restrictive AS (
        SELECT y.polrelid AS relation,
               string_agg(quote_ident(y.polname), ', ' ORDER BY y.polname) AS names,
               string_agg('(' || pg_get_expr(y.polqual, y.polrelid) || ')', ' AND ' ORDER BY y.polname)
                   FILTER (WHERE y.polcmd <> 'a') AS using_text,
               string_agg('(' || pg_get_expr(coalesce(y.polwithcheck, y.polqual), y.polrelid) || ')', ' AND ' ORDER BY y.polname)
                   FILTER (WHERE y.polcmd IN ('a', 'w', '*')) AS check_text,
               string_agg(format('DROP POLICY %I ON %s;', y.polname, y.polrelid::regclass), E'\n' ORDER BY y.polname) AS drops
        FROM pg_policy y
        WHERE NOT y.polpermissive AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation::oid = y.polrelid)
        GROUP BY y.polrelid
    )
    SELECT 'restrictive_policy_on_citus', t.name,
           format('Citus drops the word RESTRICTIVE on its shards, where %s then shows rows instead of hiding them', r.names),
           concat_ws(E'\n', (
               SELECT string_agg(format('ALTER POLICY %I ON %s%s%s;', y.polname, t.name,
                   CASE WHEN y.polcmd <> 'a' THEN
                       format(' USING (%s)', concat_ws(' AND ', '(' || pg_get_expr(y.polqual, y.polrelid) || ')', r.using_text)) END,
                   CASE WHEN y.polcmd IN ('a', 'w', '*') THEN
                       format(' WITH CHECK (%s)', concat_ws(' AND ',
                           '(' || pg_get_expr(coalesce(y.polwithcheck, y.polqual), y.polrelid) || ')', r.check_text)) END),
                   E'\n' ORDER BY y.polname)
               FROM pg_policy y WHERE y.polrelid = r.relation AND y.polpermissive), r.drops)
    FROM restrictive r JOIN warden.application_relations() t ON t.relation = r.relation
    WHERE EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'citus')
$$;

COMMENT ON FUNCTION warden.findings_of_restrictive_policies() IS
    'The part of doctor() for databases with Citus: tables that rely on RESTRICTIVE policies.';

CREATE FUNCTION warden.findings_of_tables() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH grants AS MATERIALIZED (
        SELECT g.relation, g.grantee, g.privilege FROM warden.client_grants() g
    ), reach AS MATERIALIZED (
        SELECT r.reached FROM warden.client_reach() r
    ), tables AS MATERIALIZED (
        SELECT t.*, n.nspname AS schema_name, p.relation IS NOT NULL AS protected, p.root,
               own.name AS owner_column,
               EXISTS (SELECT FROM pg_policy y WHERE y.polrelid = t.relation) AS has_policies,
               EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.relation) AS has_parent,
               EXISTS (SELECT FROM warden.watched_schemas w
                       WHERE w.schema_name = n.nspname AND c.relname = ANY (w.except_tables)) AS is_excepted
        FROM warden.application_relations() t
        JOIN pg_class c ON c.oid = t.relation
        JOIN pg_namespace n ON n.oid = t.schema
        LEFT JOIN warden.protections p ON p.relation::oid = t.relation
        LEFT JOIN LATERAL (
            SELECT min(a.attname::text) AS name FROM pg_attribute a
            WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
              AND a.attname IN (SELECT warden.owner_columns())) own ON true
        WHERE t.kind IN ('r', 'p', 'f')
    ), open AS (
        -- Neither protected nor said to need none; what hangs below another table is judged with that one.
        SELECT t.* FROM tables t
        WHERE t.kind <> 'f' AND NOT t.protected AND NOT t.is_excepted AND NOT warden.is_exempt(t.relation)
          AND NOT (t.has_parent AND EXISTS (
            SELECT FROM pg_inherits i JOIN tables above ON above.relation = i.inhparent
            WHERE i.inhrelid = t.relation AND (above.protected OR above.row_security OR above.owner_column IS NOT NULL)))
    ), extra AS (
        SELECT t.relation, t.name, y.polname, y.polpermissive
        FROM tables t JOIN pg_policy y ON y.polrelid = t.relation
        WHERE t.protected
          AND y.polname NOT IN ('warden_select', 'warden_insert', 'warden_update', 'warden_delete', 'warden_admin')
    )
    SELECT 'table_unprotected', t.name,
           format('it has the owner column %I and no row-level security: whoever it is granted to sees the rows of every user', t.owner_column),
           -- protect() refuses a table that a client owns.
           CASE WHEN t.owner IN (SELECT r.reached FROM reach r)
                THEN format(E'ALTER TABLE %s OWNER TO %s;\n', t.name, warden.role_out_of_reach()) ELSE '' END
           || format('SELECT step, sql FROM warden.protect(%L, owner_column => %L%s%s);', t.name, t.owner_column,
                     -- Policies that were there without row-level security, or on its partitions; unprotect() makes them again.
                     CASE WHEN EXISTS (SELECT FROM warden.table_tree(t.relation::regclass) m JOIN pg_policy y ON y.polrelid = m.member::oid)
                          THEN ', replace_policies => true' END,
                     -- As a watched schema protects its new tables.
                     CASE WHEN w.schema_name IS NOT NULL
                          THEN format(', manage_columns => %L, create_index => %L', w.manage_columns, w.create_index) END)
    FROM open t LEFT JOIN warden.watched_schemas w ON w.schema_name = t.schema_name
    WHERE t.owner_column IS NOT NULL AND NOT t.row_security

    UNION ALL
    SELECT 'policies_unwatched', t.name,
           'it has the owner column ' || quote_ident(t.owner_column) || ' and policies of its own, which nothing keeps from being weakened',
           format(E'-- unprotect() makes the policies again.\nSELECT step, sql FROM warden.protect(%L, owner_column => %L, replace_policies => true);',
                  t.name, t.owner_column)
    FROM open t
    WHERE t.owner_column IS NOT NULL AND t.row_security AND t.forced AND t.has_policies

    UNION ALL
    SELECT 'table_undeclared', t.name,
           format('%s may read or write it, it has no owner column, and nobody has said that it needs none',
                  string_agg(DISTINCT warden.grantee_name(g.grantee), ', ')),
           coalesce(E'-- Where every user may see all of it: warden.exempt().\n' || warden.protect_as_child(t.relation),
                    format(E'-- Where its rows do belong to users: warden.protect(), say with parent_column.\nSELECT warden.exempt(%L, %L);',
                           t.name, 'every user may see all of it'))
    FROM open t JOIN grants g ON g.relation = t.relation
    WHERE t.owner_column IS NULL AND NOT t.row_security AND NOT t.has_parent
      AND g.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    GROUP BY t.relation, t.name

    UNION ALL
    SELECT 'row_security_not_forced', t.name,
           'its owner is not bound by row-level security, nor are the views and SECURITY DEFINER functions of the owner',
           CASE WHEN t.protected THEN warden.protect_again(t.relation)
                ELSE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', t.name) END
    FROM tables t
    WHERE t.row_security AND NOT t.forced AND (t.protected OR NOT warden.is_exempt(t.relation))

    UNION ALL
    SELECT 'extra_policy', x.name,
           format('policy %I is not one of protect(): %s', x.polname,
                  CASE WHEN x.polpermissive THEN 'it shows its rows beside ours, to everybody it names'
                       ELSE 'a restrictive policy hides rows that protection shows, and some engines ignore the word' END),
           E'-- unprotect() makes the policy again.\n' || warden.protect_again(x.relation)
    FROM extra x

    UNION ALL
    SELECT 'partition_unprotected', t.name,
           format('rows of protected table %s are in it, and it is not protected itself: read directly, or through another parent, it shows all of them',
                  i.inhparent::regclass),
           warden.protect_again(i.inhparent)
    FROM tables t
    JOIN pg_inherits i ON i.inhrelid = t.relation
    JOIN warden.protections p ON p.relation::oid = i.inhparent
    WHERE NOT t.protected

    UNION ALL
    -- Only what no other finding explains.
    SELECT 'protection_incomplete', t.name,
           'its row-level security, policies or triggers are not as protect() made them',
           warden.protect_again(t.relation)
    FROM tables t
    WHERE t.protected AND NOT (t.row_security AND NOT t.forced)
      AND t.relation NOT IN (SELECT x.relation FROM extra x)
      AND t.owner NOT IN (SELECT r.reached FROM reach r)
      AND warden.is_intact(t.relation::regclass) IS NOT TRUE

    UNION ALL
    SELECT 'partition_granted', t.name,
           format('%s was granted it directly: read so, only its own policies count, not those of the table above it',
                  string_agg(DISTINCT warden.grantee_name(g.grantee), ', ')),
           format('REVOKE ALL ON TABLE %s FROM %s CASCADE;', t.name, string_agg(DISTINCT warden.grantee_name(g.grantee), ', '))
    FROM tables t JOIN grants g ON g.relation = t.relation
    WHERE (t.is_partition OR NOT t.row_security)
      AND EXISTS (SELECT FROM warden.lineage(t.relation) AS l (member) JOIN tables above ON above.relation = l.member
                  WHERE above.relation <> t.relation AND above.row_security)
    GROUP BY t.relation, t.name

    UNION ALL
    SELECT 'foreign_table_granted', t.name,
           format('it has the owner column %I, row-level security cannot bind a foreign table, and %s was granted it',
                  t.owner_column, string_agg(DISTINCT warden.grantee_name(g.grantee), ', ')),
           format('REVOKE ALL ON TABLE %s FROM %s CASCADE;', t.name, string_agg(DISTINCT warden.grantee_name(g.grantee), ', '))
    FROM tables t JOIN grants g ON g.relation = t.relation
    WHERE t.kind = 'f' AND (t.owner_column IS NOT NULL OR t.has_parent)
    GROUP BY t.relation, t.name, t.owner_column

    UNION ALL
    SELECT 'privilege_granted', t.name,
           format('%s was granted %s, which no policy is asked about', warden.grantee_name(g.grantee),
                  string_agg(DISTINCT g.privilege, ', ')),
           format('REVOKE %s ON TABLE %s FROM %s CASCADE;', string_agg(DISTINCT g.privilege, ', '), t.name,
                  warden.grantee_name(g.grantee))
    FROM tables t JOIN grants g ON g.relation = t.relation
    WHERE t.protected AND g.privilege IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
    GROUP BY t.relation, t.name, g.grantee

    UNION ALL
    SELECT r.code, r.object, r.problem, r.remedy FROM warden.findings_of_restrictive_policies() r
$$;

COMMENT ON FUNCTION warden.findings_of_tables() IS
    'The part of doctor() about tables: what is open, what has lost its protection, and what goes around policies.';
