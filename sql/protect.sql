-- protect() and unprotect(), and what they read of the catalogue. The plan is made in src/protect.

-- The table and all its partitions and inheritance children, the table first.
CREATE FUNCTION warden.table_tree(relation regclass) RETURNS TABLE (member regclass, depth int)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE tree (member, depth) AS (
        SELECT c.oid, 0 FROM pg_class c WHERE c.oid = table_tree.relation
        UNION ALL
        -- A temporary child is only its own session's.
        SELECT c.oid, t.depth + 1
        FROM tree t JOIN pg_inherits i ON i.inhparent = t.member JOIN pg_class c ON c.oid = i.inhrelid
        WHERE c.relpersistence <> 't'
    )
    -- A child of two parents counts once.
    SELECT t.member::regclass, max(t.depth) FROM tree t GROUP BY t.member ORDER BY 2, 1;
END;

COMMENT ON FUNCTION warden.table_tree(regclass) IS
    'The table (depth 0), its partitions and its inheritance children, parents before children.';

-- Defaults come out as pg_get_expr prints them under the pinned path. Like others below it is PL/pgSQL, which keeps the
-- plan of its query: doctor() asks for hundreds of tables.
CREATE FUNCTION warden.column_facts(relation oid, column_name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'name', quote_ident(a.attname),
            'type', a.atttypid::bigint,
            'type_name', format_type(a.atttypid, a.atttypmod),
            'deterministic', coalesce(l.collisdeterministic, true),
            'generated', a.attgenerated <> '' OR a.attidentity <> '',
            'not_null', a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE a.attrelid = column_facts.relation AND a.attname = column_facts.column_name AND a.attnum > 0 AND NOT a.attisdropped);
END
$$;

COMMENT ON FUNCTION warden.column_facts(oid, text) IS
    'What policies and plans have to know about a column; NULL where there is no such column.';

-- What clients were granted that no policy is asked about, and what goes with it when the owner takes it
-- from them: their grants on single columns, and whatever they have granted on themselves.
CREATE FUNCTION warden.grants_to_revoke(relation oid, clients oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH RECURSIVE granted AS (
            SELECT NULL::name AS column_name, g.grantor, g.grantee, g.privilege_type, g.is_grantable
            FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
            WHERE c.oid = grants_to_revoke.relation
            UNION ALL
            SELECT a.attname, g.grantor, g.grantee, g.privilege_type, g.is_grantable
            FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) g
            WHERE a.attrelid = grants_to_revoke.relation AND NOT a.attisdropped
        ), revoked AS (
            SELECT g.grantee, g.privilege_type
            FROM granted g JOIN pg_class c ON c.oid = grants_to_revoke.relation
            WHERE g.column_name IS NULL AND g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') AND g.grantee <> c.relowner
              AND (g.grantee = 0 OR g.grantee = ANY (grants_to_revoke.clients))
        ), lost AS (
            SELECT g.* FROM granted g JOIN revoked r USING (grantee, privilege_type)
            UNION
            SELECT g.* FROM granted g JOIN lost l ON g.grantor = l.grantee AND g.privilege_type = l.privilege_type AND l.is_grantable
        )
        SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object(
            'privilege', l.privilege_type,
            'column', quote_ident(l.column_name),
            'grantee', CASE l.grantee WHEN 0 THEN 'PUBLIC' ELSE l.grantee::regrole::text END,
            'grantable', l.is_grantable,
            'follows', NOT (l.column_name IS NULL AND EXISTS (
                SELECT FROM revoked r WHERE r.grantee = l.grantee AND r.privilege_type = l.privilege_type)))), '[]')
        FROM lost l);
END
$$;

COMMENT ON FUNCTION warden.grants_to_revoke(oid, oid[]) IS
    'The grants that protect() takes from clients, and those that are lost with them (follows).';

-- DROP INDEX on a partitioned table takes the index of a partition along, also one that was there before.
CREATE FUNCTION warden.attached_index(index oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        -- With the partitions below: those of a partitioned index are attached to it again.
        'create', regexp_replace(pg_get_indexdef(x.oid), '^(CREATE (UNIQUE )?INDEX ("([^"]|"")+"|[^ "]+) ON) ONLY ', E'\\1 '),
        'comment', quote_literal(obj_description(x.oid, 'pg_class')))
    FROM pg_class x WHERE x.oid = attached_index.index
$$;

COMMENT ON FUNCTION warden.attached_index(oid) IS
    'What it takes to make the index of a partition again.';

-- PL/pgSQL keeps the plan of a query this large; every table of a tree would plan it anew otherwise.
-- Expressions come out with every name qualified, because of the pinned path: that is the spelling
-- with which src/protect/policy.rs compares them.
CREATE FUNCTION warden.table_facts(relation regclass, column_names text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH reach AS MATERIALIZED (SELECT r.reached, r.client FROM warden.client_reach() r)
        SELECT jsonb_build_object(
            'oid', c.oid::bigint,
            'name', format('%I.%I', n.nspname, c.relname),
            'label', quote_ident(c.relname),
            'schema', n.nspname,
            'kind', c.relkind,
            'temporary', c.relpersistence = 't',
            'is_partition', c.relispartition,
            'parents', coalesce((SELECT jsonb_agg(i.inhparent::bigint) FROM pg_inherits i WHERE i.inhrelid = c.oid), '[]'),
            -- Also those of children, which can be written through this table.
            'refers', EXISTS (
                SELECT FROM warden.table_tree(c.oid::regclass) t
                -- With a limit it is asked for each member by the index, instead of reading all constraints.
                CROSS JOIN LATERAL (SELECT FROM pg_constraint o WHERE o.conrelid = t.member::oid AND o.contype = 'f' LIMIT 1) o),
            'owner', c.relowner::bigint,
            'owner_name', c.relowner::regrole,
            'client_owner', (SELECT r.client FROM reach r WHERE r.reached = c.relowner),
            -- What a client has made beside it: a key that tells which rows exist, a trigger that is shown them.
            'client_object', (
                SELECT o.name
                FROM (SELECT f.relation::regclass::text AS name
                      FROM warden.client_tables_below(c.oid, array(SELECT r.reached FROM reach r)) AS f (relation)
                      UNION ALL
                      SELECT format('trigger %I', t.tgname)
                      FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                      WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND f.proowner IN (SELECT r.reached FROM reach r)) o
                ORDER BY 1 LIMIT 1),
            -- For whom the door of begin_admin() is: by number, as the catalogue has them.
            'admins', (
                SELECT jsonb_agg(jsonb_build_object('oid', r.oid::bigint, 'name', r.oid::regrole) ORDER BY r.oid)
                FROM pg_roles r
                WHERE r.oid = c.relowner
                   OR EXISTS (SELECT FROM warden.database_roles d WHERE d.role = r.oid AND d.kind IN ('admin', 'migration'))),
            'row_security', c.relrowsecurity,
            'forced', c.relforcerowsecurity,
            'rows', CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END,
            'primary_key', (
                SELECT a.attname
                FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnatts = 1),
            'columns', coalesce((
                SELECT jsonb_object_agg(a.attname, warden.column_facts(c.oid, a.attname))
                FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (column_names)), '{}'),
            'policies', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'name', quote_ident(p.polname),
                    'permissive', p.polpermissive,
                    'command', p.polcmd,
                    'roles', (SELECT jsonb_agg(r.role::bigint ORDER BY r.role) FROM unnest(p.polroles) AS r (role)),
                    'using', pg_get_expr(p.polqual, p.polrelid),
                    'check', pg_get_expr(p.polwithcheck, p.polrelid))
                    ORDER BY p.polname)
                FROM pg_policy p WHERE p.polrelid = c.oid), '[]'),
            'triggers', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'name', quote_ident(t.tgname),
                    'definition', pg_get_triggerdef(t.oid),
                    'enabled', t.tgenabled IN ('O', 'A'))
                    ORDER BY t.tgname)
                FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
                  AND (f.pronamespace = 'warden'::regnamespace OR starts_with(t.tgname::text, '_warden_'))), '[]'),
            'indexes', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'name', quote_ident(x.relname),
                    'columns', k.columns,
                    'attached', CASE WHEN x.relispartition THEN warden.attached_index(x.oid) END)
                    ORDER BY x.relname)
                FROM pg_index i
                JOIN pg_class x ON x.oid = i.indexrelid
                JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
                CROSS JOIN LATERAL (
                    SELECT jsonb_agg(a.attname ORDER BY u.position) AS columns
                    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, position)
                    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum
                    WHERE u.position <= i.indnkeyatts) k
                WHERE i.indrelid = c.oid AND i.indisvalid AND i.indisready AND i.indpred IS NULL), '[]'),
            'free_index_name', (
                WITH RECURSIVE candidate (number, name) AS (
                    SELECT 0, left(c.relname, 24) || '_' || left(coalesce(column_names[1], 'x'), 24) || '_idx'
                    UNION ALL
                    SELECT f.number + 1, left(c.relname, 24) || '_' || left(coalesce(column_names[1], 'x'), 24) || '_idx' || f.number + 1
                    FROM candidate f
                    WHERE EXISTS (SELECT FROM pg_class o WHERE o.relnamespace = c.relnamespace AND o.relname = f.name)
                )
                SELECT quote_ident(f.name) FROM candidate f ORDER BY f.number DESC LIMIT 1),
            'grants', CASE WHEN c.relacl IS NULL THEN '[]' ELSE
                warden.grants_to_revoke(c.oid, ARRAY(SELECT r.reached FROM reach r)) END)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = table_facts.relation);
END
$$;

COMMENT ON FUNCTION warden.table_facts(regclass, text[]) IS
    'What protect() has to know about one table: flags, the given columns, policies, our triggers, indexes, grants.';

CREATE FUNCTION warden.policies_in_full(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_agg(jsonb_build_object(
        'name', quote_ident(p.polname),
        'permissive', p.polpermissive,
        'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                 WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'roles', (SELECT jsonb_agg(CASE r.role WHEN 0 THEN 'PUBLIC' ELSE r.role::regrole::text END ORDER BY r.position)
                  FROM unnest(p.polroles) WITH ORDINALITY AS r (role, position)),
        'using', pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid),
        'comment', quote_literal(obj_description(p.oid, 'pg_policy')))
        ORDER BY p.polname)
    FROM pg_policy p WHERE p.polrelid = policies_in_full.relation
$$;

COMMENT ON FUNCTION warden.policies_in_full(oid) IS
    'The policies of a table with everything that it takes to make them again; NULL where it has none.';

-- The table that the rows of another belong to, by the foreign key over this one column.
CREATE FUNCTION warden.parent_facts(relation regclass, parent_column text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'name', format('%I.%I', n.nspname, c.relname),
            'itself', c.oid = o.conrelid,
            'protected', EXISTS (SELECT FROM warden.protections p WHERE p.relation = c.oid),
            'partitioned', c.relkind = 'p',
            'key', warden.column_facts(c.oid, k.attname),
            'owner', (SELECT warden.column_facts(c.oid, p.owner_column) FROM warden.protections p WHERE p.relation = c.oid),
            'share_key', (SELECT warden.column_facts(c.oid, p.key_column) FROM warden.protections p WHERE p.relation = c.oid),
            'above', (
                SELECT jsonb_build_object(
                    'column', warden.column_facts(c.oid, p.parent_column),
                    'parent', warden.parent_facts(c.oid, p.parent_column))
                FROM warden.protections p WHERE p.relation = c.oid AND p.parent_column IS NOT NULL))
        FROM pg_constraint o
        JOIN pg_class c ON c.oid = o.confrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute f ON f.attrelid = o.conrelid AND f.attnum = o.conkey[1]
        JOIN pg_attribute k ON k.attrelid = o.confrelid AND k.attnum = o.confkey[1]
        WHERE o.conrelid = parent_facts.relation AND o.contype = 'f' AND cardinality(o.conkey) = 1
          AND f.attname = parent_facts.parent_column
          -- A key to a partitioned table has a second entry for each of its partitions.
          AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.oid = o.conparentid AND u.conrelid = o.conrelid)
        ORDER BY o.oid LIMIT 1);
END
$$;

COMMENT ON FUNCTION warden.parent_facts(regclass, text) IS
    'The table and key that the foreign key of one column refers to, by what that table is protected, and the same of the table above it; NULL without such a key.';

CREATE FUNCTION warden.tree_facts(
    members oid[], owner_column text, tenant_column text, parent_column text, public_column text, key_column text
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'tables', (
                SELECT jsonb_agg(warden.table_facts(m.member,
                           array_remove(ARRAY[coalesce(tree_facts.owner_column, tree_facts.parent_column), tree_facts.tenant_column,
                           tree_facts.public_column, tree_facts.key_column], NULL))
                           ORDER BY m.position)
                FROM unnest(tree_facts.members) WITH ORDINALITY AS m (member, position)),
            'parent', CASE WHEN tree_facts.parent_column IS NOT NULL
                           THEN warden.parent_facts(tree_facts.members[1], tree_facts.parent_column) END));
END
$$;

COMMENT ON FUNCTION warden.tree_facts(oid[], text, text, text, text, text) IS
    'table_facts() of the tables, and parent_facts() of the first.';

CREATE FUNCTION warden.protection_family(relation regclass, alone boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object(
            'relation', p.relation::oid::bigint,
            'root', p.root::oid::bigint,
            'owner_column', p.owner_column,
            'tenant_column', p.tenant_column,
            'parent_column', p.parent_column,
            'public_column', p.public_column,
            'read_scope', p.read_scope,
            'write_scope', p.write_scope,
            'key_column', p.key_column,
            'reference_level', p.reference_level,
            'read_level', p.read_level,
            'write_level', p.write_level,
            'capability', p.capability,
            'manage_columns', p.manage_columns,
            'create_index', p.create_index,
            'allowances', coalesce((
                SELECT jsonb_agg(jsonb_build_object('command', a.command, 'predicate', a.predicate)
                                 ORDER BY a.command, a.predicate COLLATE "C")
                FROM warden.allowances a WHERE a.relation = p.root), '[]'),
            'changes', p.changes))
        FROM warden.protections p
        WHERE CASE WHEN protection_family.alone THEN p.relation = protection_family.relation
                   ELSE p.root = (SELECT q.root FROM warden.protections q WHERE q.relation = protection_family.relation) END);
END
$$;

COMMENT ON FUNCTION warden.protection_family(regclass, boolean) IS
    'The rows of warden.protections that have the same root as this relation, or its own row alone; NULL where it is not protected.';

-- The functions themselves, in src/protect/mod.rs. Anybody may call them; the code asks who calls.
-- Settings that change how names and literals are written are pinned here and wherever else statements
-- are made of them, or compared with what the catalogue shows.

CREATE FUNCTION warden.protect(
    table_name regclass,
    owner_column text DEFAULT 'user_id',
    tenant_column text DEFAULT NULL,
    parent_column text DEFAULT NULL,
    public_column text DEFAULT NULL,
    manage_columns boolean DEFAULT true,
    create_index boolean DEFAULT true,
    replace_policies boolean DEFAULT false,
    dry_run boolean DEFAULT false,
    read_scope text DEFAULT NULL,
    write_scope text DEFAULT NULL,
    shareable boolean DEFAULT false,
    reference_level text DEFAULT NULL,
    read_level text DEFAULT NULL,
    write_level text DEFAULT NULL,
    capability text DEFAULT NULL
) RETURNS TABLE (step int, sql text, lock text, rows bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'protect_wrapper';

COMMENT ON FUNCTION warden.protect(regclass, text, text, text, text, boolean, boolean, boolean, boolean, text, text, boolean, text, text, text, text) IS
    'Lets every role see and change only the rows of the user it acts for. owner_column: uuid (the user''s id), text (the external id) or integer (the external number); tenant_column: a uuid that must be the current tenant too, or with owner_column => NULL the current tenant alone, whose members all see and change the row; parent_column: instead of an owner, the foreign key to the protected table whose rows the rows of this one belong to (owner_column => NULL); public_column: a boolean, and where it is true every role that may SELECT from the table reads the row, signed in or not (of its own tenant, with tenant_column), and writes it no more than before; manage_columns: set NOT NULL and the default of these columns; create_index: make an index that leads with the owner unless there is one; replace_policies: drop the policies that the table has and keep their text for unprotect(), instead of refusing the table and listing them; dry_run: only say what would be done; read_scope, write_scope: a scope without which a statement that reads, or writes, is refused (42501) before it touches a row, also of a public or allowed one, where somebody acts, and nobody reaches no row; shareable: rows can be shared by warden.share(), each by its primary key, and this table has an owner column; reference_level: what a shared row takes to be referred to by a foreign key (use, if not given); read_level, write_level: with parent_column, what a shared parent takes to read its rows here (view, if not given), and to write them (edit); capability: an agent that has it reads the rows of its owner here. Returns the statements in their order, each with the lock it takes and the rows it is estimated to scan (NULL: never analysed); none where the table is protected already. For the table''s owner; partitions and inheritance children follow. Errors: 22023 for a table or column that cannot be used, with the reason, and for an unknown scope; 42501 for anybody but the owner; 55000 where rows, policies or the owner stand against it.';

CREATE FUNCTION warden.unprotect(table_name regclass, restore_policies boolean DEFAULT true)
RETURNS TABLE (step int, sql text, lock text, rows bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'unprotect_wrapper';

COMMENT ON FUNCTION warden.unprotect(regclass, boolean) IS
    'Undoes protect(): policies, triggers, row security, and the index, defaults, NOT NULL, grants (by the owner, also those that a client had made) and policies as they were before; the indexes of partitions that were there before are built again, since they go when that of the partitioned table goes; what was for a role that is gone is left out, with a notice. restore_policies => false leaves out the policies that protect() replaced, where their text has become wrong: row security is then as it was, so on without a policy, and clients see nothing. Returns the statements it ran, none for a table that is not protected. For the table''s owner. Errors: 42501 for anybody else, 55000 for a partition or child (unprotect its root) and for a table whose rows other protected tables belong to.';

-- Called by the policies and triggers of protected tables, by whoever writes to them.

CREATE FUNCTION warden.parents_visible(member oid, written record) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'parents_visible_wrapper';

COMMENT ON FUNCTION warden.parents_visible(oid, record) IS
    'Whether the caller sees every row under row security that this row of a table refers to by foreign keys. For policies: an unknown parent and another user''s are refused alike.';

CREATE FUNCTION warden.fill_owner() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'fill_owner_wrapper';

COMMENT ON FUNCTION warden.fill_owner() IS
    'Trigger of protected tables: puts the current user, or tenant, where an INSERT has NULL. Arguments: the owner column, empty for none, and the tenant column.';

CREATE FUNCTION warden.keep_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF row_security_active(TG_RELID) AND NOT warden.admin_is_open() THEN
        RAISE EXCEPTION 'the owner, tenant or parent of a row of "%" does not change, nor the key by which it is shared', TG_TABLE_NAME
            USING ERRCODE = '42501', HINT = 'Insert a new row instead; warden.transfer() gives a shareable one to another user.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION warden.keep_owner() IS
    'Trigger of protected tables: refuses an UPDATE that changes owner, tenant or parent, or the key of a shareable row, to everybody whom row security binds and begin_admin() has not let in. Fires after every other trigger has had its say.';

CREATE FUNCTION warden.keep_private() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF row_security_active(TG_RELID) AND NOT warden.admin_is_open() THEN
        RAISE EXCEPTION 'whether everybody may read a row of "%" is for its owner to say, and for whom it is shared with at level share', TG_TABLE_NAME
            USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION warden.keep_private() IS
    'Trigger of shareable tables with a public column: refuses a change of that column to whoever may change the row and not share it.';

CREATE FUNCTION warden.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF row_security_active(TG_RELID) AND NOT warden.admin_is_open() THEN
        RAISE EXCEPTION 'protected table "%" cannot be truncated', TG_TABLE_NAME
            USING ERRCODE = '42501', HINT = 'Use DELETE, which row security applies to.';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.refuse_truncate() IS
    'Trigger of protected tables: TRUNCATE asks no policy, so whoever is bound by row security may not use it outside of begin_admin().';
