-- The rows of one user in every protected table: counted, given to somebody else, deleted. Which tables there are is
-- read of the extension's own list; the statements are made in src/protect/owned.rs and executed as the owner of each
-- table in src/protect/rekey.rs.

-- What no two rows may have in common, of one table by itself: the unique indexes and exclusion constraints that
-- change with the owner column. An index of a partition that belongs to one of the whole table is not looked at twice.
CREATE FUNCTION warden.owner_keys(relation oid, owner_column text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object(
            'name', x.relname,
            'predicate', pg_get_expr(i.indpred, i.indrelid),
            'nulls_are_equal', i.indnullsnotdistinct,
            'parts', (
                SELECT jsonb_agg(jsonb_build_object(
                    'expression', pg_get_indexdef(i.indexrelid, g.position, false),
                    'operator', format('OPERATOR(%I.%s)', w.nspname, o.oprname),
                    'collation', (SELECT format('%I.%I', v.nspname, l.collname)
                                  FROM pg_collation l JOIN pg_namespace v ON v.oid = l.collnamespace
                                  WHERE l.oid = i.indcollation[g.position - 1]))
                    ORDER BY g.position)
                FROM generate_series(1, i.indnkeyatts) AS g (position)
                JOIN pg_operator o ON o.oid = coalesce(k.conexclop[g.position], (
                    SELECT s.amopopr FROM pg_opclass q
                    JOIN pg_amop s ON s.amopfamily = q.opcfamily AND s.amopstrategy = 3
                        AND s.amoplefttype = q.opcintype AND s.amoprighttype = q.opcintype
                    WHERE q.oid = i.indclass[g.position - 1]))
                JOIN pg_namespace w ON w.oid = o.oprnamespace))
            ORDER BY x.relname)
        FROM pg_index i
        JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = owner_keys.owner_column
        LEFT JOIN pg_constraint k ON k.conindid = x.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
        WHERE i.indrelid = owner_keys.relation AND (i.indisunique OR i.indisexclusion) AND i.indislive AND NOT x.relispartition
          AND (a.attnum = ANY (i.indkey::int2[])
               OR concat(i.indexprs::text, i.indpred::text) LIKE format('%%:varattno %s %%', a.attnum)));
END
$$;

COMMENT ON FUNCTION warden.owner_keys(oid, text) IS
    'The unique indexes and exclusion constraints of one table that the owner column is part of; NULL where there are none.';

CREATE FUNCTION warden.belongs_to_tenant_alone(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        WITH RECURSIVE up AS (
            SELECT p.relation, p.owner_column, p.parent_column FROM warden.protections p
            WHERE p.relation = belongs_to_tenant_alone.relation
            UNION
            SELECT q.relation, q.owner_column, q.parent_column
            FROM up u
            JOIN pg_attribute f ON f.attrelid = u.relation AND f.attname = u.parent_column
            JOIN pg_constraint o ON o.conrelid = u.relation AND o.contype = 'f' AND o.conkey = ARRAY[f.attnum]
            JOIN warden.protections q ON q.relation = o.confrelid
        )
        SELECT FROM up u WHERE u.owner_column IS NULL AND u.parent_column IS NULL);
END
$$;

COMMENT ON FUNCTION warden.belongs_to_tenant_alone(regclass) IS
    'Whether the rows of a protected table are a tenant''s and no user''s, by its own columns or through its parents.';

CREATE FUNCTION warden.owned_tables() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'oid', c.oid::bigint,
            'name', format('%I.%I', n.nspname, c.relname),
            'schema', quote_ident(n.nspname),
            'owner', c.relowner::bigint,
            'names_owner', p.owner_column IS NOT NULL,
            'column', warden.column_facts(c.oid, coalesce(p.owner_column, p.parent_column)),
            'base_type', (SELECT format_type(a.atttypid, NULL) FROM pg_attribute a
                          WHERE a.attrelid = c.oid AND a.attname = coalesce(p.owner_column, p.parent_column)),
            'parent', (
                SELECT jsonb_build_object('root', q.root::oid::bigint, 'name', q.relation::text, 'key', quote_ident(k.attname))
                FROM pg_constraint o
                JOIN pg_attribute f ON f.attrelid = o.conrelid AND f.attnum = o.conkey[1] AND f.attname = p.parent_column
                JOIN pg_attribute k ON k.attrelid = o.confrelid AND k.attnum = o.confkey[1]
                JOIN warden.protections q ON q.relation = o.confrelid
                WHERE o.conrelid = c.oid AND o.contype = 'f' AND cardinality(o.conkey) = 1
                ORDER BY o.oid LIMIT 1),
            -- Those that hold rows.
            'members', (
                SELECT jsonb_agg(jsonb_build_object('oid', m.oid::bigint, 'name', format('%I.%I', s.nspname, m.relname),
                    'schema', quote_ident(s.nspname), 'owner', m.relowner::bigint) ORDER BY m.oid)
                FROM warden.table_tree(c.oid::regclass) t JOIN pg_class m ON m.oid = t.member::oid
                JOIN pg_namespace s ON s.oid = m.relnamespace
                WHERE m.relkind = 'r'),
            'scopes', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'name', CASE m.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || format('%I.%I', s.nspname, m.relname),
                    'label', quote_ident(m.relname),
                    'owner', m.relowner::bigint,
                    'columns', (SELECT jsonb_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
                                WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped),
                    'keys', k.keys) ORDER BY t.depth, m.oid)
                FROM warden.table_tree(c.oid::regclass) t JOIN pg_class m ON m.oid = t.member::oid
                JOIN pg_namespace s ON s.oid = m.relnamespace
                CROSS JOIN LATERAL (SELECT warden.owner_keys(m.oid, p.owner_column) AS keys) k
                WHERE k.keys IS NOT NULL), '[]'),
            'refers_to', coalesce((
                SELECT jsonb_agg(DISTINCT q.root::oid::bigint)
                FROM warden.table_tree(c.oid::regclass) t
                JOIN pg_constraint f ON f.conrelid = t.member::oid AND f.contype = 'f'
                JOIN warden.protections q ON q.relation = f.confrelid
                WHERE q.root <> p.root), '[]'),
            -- Whose rows go, or lose what they refer to, with a row of this table.
            'dependents', coalesce((
                SELECT jsonb_agg(jsonb_build_object(
                    'name', format('%I.%I', s.nspname, r.relname),
                    'owner', r.relowner::bigint,
                    'condition', (
                        SELECT string_agg(format('moved.%I OPERATOR(%I.%s) dependent.%I', b.attname, w.nspname, o.oprname, a.attname), ' AND ')
                        FROM unnest(f.conkey, f.confkey, f.conpfeqop) AS u (referring, referenced, operator)
                        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = u.referring
                        JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = u.referenced
                        JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace w ON w.oid = o.oprnamespace)) ORDER BY f.oid)
                FROM warden.table_tree(c.oid::regclass) t
                JOIN pg_constraint f ON f.confrelid = t.member::oid AND f.contype = 'f' AND f.confdeltype IN ('c', 'n', 'd')
                JOIN pg_class r ON r.oid = f.conrelid AND NOT r.relispartition
                JOIN pg_namespace s ON s.oid = r.relnamespace), '[]'))
            ORDER BY c.oid), '[]')
        FROM warden.protections p
        JOIN pg_class c ON c.oid = p.relation
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE p.root = p.relation AND NOT warden.belongs_to_tenant_alone(p.relation));
END
$$;

COMMENT ON FUNCTION warden.owned_tables() IS
    'The protected tables whose rows are users'', those with partitions and children once, with everything that it takes to count, move and delete the rows of a user.';

CREATE FUNCTION warden.owned_rows(user_id uuid, external_id text) RETURNS TABLE (table_name text, rows bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'owned_rows_wrapper';

COMMENT ON FUNCTION warden.owned_rows(uuid, text) IS
    'How many rows a user has in each protected table, those of its children among them; also where it has none. Read as each table''s owner. Not callable by clients.';

CREATE FUNCTION warden.owners_among(user_ids uuid[], external_ids text[]) RETURNS SETOF uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'owners_among_wrapper';

COMMENT ON FUNCTION warden.owners_among(uuid[], text[]) IS
    'Those of the users who have a row in a protected table. Both arrays are in the same order. Not callable by clients.';

CREATE FUNCTION warden.delete_owned_rows(user_ids uuid[], external_ids text[]) RETURNS TABLE (table_name text, rows bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'delete_owned_rows_wrapper';

COMMENT ON FUNCTION warden.delete_owned_rows(uuid[], text[]) IS
    'Deletes the rows of users in every protected table, as each table''s owner; returns the tables that had some. Errors: 55000 where a trigger keeps them, 55P03 where they are locked for longer than lock_timeout (5 s where it is not set). Not callable by clients.';

CREATE FUNCTION warden.rekey_rows(
    source uuid, source_external_id text, target uuid, target_external_id text, on_conflict text, merge_id uuid
) RETURNS TABLE (table_name text, rows bigint, taken_out bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'rekey_rows_wrapper';

COMMENT ON FUNCTION warden.rekey_rows(uuid, text, uuid, text, text, uuid) IS
    'Gives the rows of a user in every protected table to another one, as each table''s owner; returns the tables that had some. on_conflict: refuse, or keep_target, which takes out the rows that the target has already and keeps them in warden.merged_rows. Errors: 23505 under refuse; 55000 where the target has no number for an integer column, a trigger keeps rows, or rows taken out would take others with them; 55P03 as delete_owned_rows(). Not callable by clients.';

CREATE FUNCTION warden.require_trusted_caller() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'require_trusted_caller_wrapper';

COMMENT ON FUNCTION warden.require_trusted_caller() IS
    'Raises 42501 unless the client runs as a superuser, an admin role or a trusted role; for functions that are SECURITY DEFINER.';

CREATE FUNCTION warden.require_administrator_itself() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'require_administrator_itself_wrapper';

COMMENT ON FUNCTION warden.require_administrator_itself() IS
    'As require_administrator(), and raises 42501 within a trigger or a security-restricted operation too: for what cannot be taken back.';
