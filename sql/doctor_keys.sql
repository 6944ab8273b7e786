-- doctor(): indexes, unique constraints and foreign keys of protected tables.

CREATE FUNCTION warden.findings_of_keys() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH tables AS MATERIALIZED (
        -- The column by which a row is somebody's: the owner, the parent that it belongs to, or the tenant alone.
        SELECT t.relation, t.name, t.kind, t.is_partition, p.root::oid AS root, p.owner_column, p.parent_column,
               a.attname AS column_name, a.attnum AS column_number, a.atttypid AS type, p.key_column IS NOT NULL AS is_shareable
        FROM warden.application_relations() t
        JOIN warden.protections p ON p.relation::oid = t.relation
        JOIN pg_attribute a ON a.attrelid = t.relation AND a.attname = coalesce(p.owner_column, p.parent_column, p.tenant_column)
    ), unguessable AS MATERIALIZED (
        -- Values that cannot be guessed, or that say nothing: a counter has used all below the highest.
        SELECT a.attrelid AS relation, a.attnum AS number
        FROM tables t
        JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.atttypid = 'uuid'::regtype OR a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'
    ), answers_first AS MATERIALIZED (
        -- Columns that a policy compares before any index is asked: the owner, and keys of protected parents.
        SELECT t.relation, t.column_number AS number FROM tables t
        UNION
        SELECT t.relation, k.number
        FROM tables t
        JOIN pg_constraint o ON o.conrelid = t.relation AND o.contype = 'f'
        JOIN warden.protections p ON p.relation::oid = o.confrelid
        CROSS JOIN LATERAL unnest(o.conkey) AS k (number)
    ), users AS MATERIALIZED (
        -- Where the project keeps its users: what owner columns of a type refer to, most of them if several.
        SELECT DISTINCT ON (r.type) r.type, r.relation, r.key, r.on_delete
        FROM (SELECT t.type, o.confrelid AS relation, a.attname AS key, o.confdeltype AS on_delete, count(*) AS uses
              FROM tables t
              JOIN pg_constraint o ON o.conrelid = t.relation AND o.contype = 'f' AND o.conkey = ARRAY[t.column_number]
              JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = o.confkey[1]
              WHERE t.owner_column IS NOT NULL AND t.relation = t.root AND o.conparentid = 0
              GROUP BY 1, 2, 3, 4) AS r
        ORDER BY r.type, r.uses DESC, r.relation, r.on_delete
    ), oracles AS (
        SELECT t.relation, t.name, t.column_name, x.relname AS index_name, i.indexrelid, i.indisexclusion, o.oid AS constraint_id, o.conname,
               EXISTS (SELECT FROM pg_constraint f WHERE f.conindid = i.indexrelid AND f.contype = 'f') AS is_referred_to
        FROM tables t
        JOIN pg_index i ON i.indrelid = t.relation AND (i.indisunique OR i.indisexclusion)
        JOIN pg_class x ON x.oid = i.indexrelid AND NOT x.relispartition
        LEFT JOIN pg_constraint o ON o.conindid = i.indexrelid AND o.conrelid = t.relation AND o.contype IN ('p', 'u', 'x')
        WHERE NOT EXISTS (
            SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
            WHERE k.position <= i.indnkeyatts
              AND (EXISTS (SELECT FROM answers_first f WHERE f.relation = t.relation AND f.number = k.number)
                   OR EXISTS (SELECT FROM unguessable u WHERE u.relation = t.relation AND u.number = k.number)))
    )
    SELECT 'unique_oracle', format('%s of %s', quote_ident(coalesce(x.conname, x.index_name)), x.name),
           format('it is unique among the rows of all users, so an error tells whether somebody else has a value; let it begin with %I', x.column_name),
           CASE
               WHEN x.is_referred_to OR x.indisexclusion THEN format(
                   '-- Add %s to %s, and to the foreign keys that refer to it, by a migration of your own.',
                   quote_ident(x.column_name), quote_ident(coalesce(x.conname, x.index_name)))
               WHEN x.conname IS NOT NULL THEN format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s;', x.name, x.conname, x.conname,
                   regexp_replace(pg_get_constraintdef(x.constraint_id), E'\\(', format('(%I, ', x.column_name)))
               ELSE format(E'DROP INDEX %s;\n%s;', x.indexrelid::regclass,
                   regexp_replace(pg_get_indexdef(x.indexrelid), E' USING (\\w+) \\(', format(E' USING \\1 (%I, ', x.column_name)))
           END
    FROM oracles x

    UNION ALL
    -- For each table that holds rows; of a partitioned one without partitions, for itself.
    SELECT 'owner_not_indexed', t.name,
           format('no index leads with %I: every query of a user reads the rows of all', t.column_name),
           format(E'-- CREATE INDEX CONCURRENTLY, outside of a transaction, lets others write meanwhile.\nCREATE INDEX ON %s (%I);', t.name, t.column_name)
    FROM tables t
    WHERE (t.kind = 'r' OR NOT EXISTS (SELECT FROM pg_inherits c WHERE c.inhparent = t.relation))
      AND NOT EXISTS (
        SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
        WHERE i.indrelid = t.relation AND m.amname = 'btree' AND i.indisvalid AND i.indisready AND i.indpred IS NULL
          AND i.indkey[0] = t.column_number)

    UNION ALL
    -- What is declared for everybody may well have no owner.
    SELECT 'owner_nullable', t.name,
           format('%I may be NULL: such a row is nobody''s, and nobody sees it', t.column_name),
           format(E'-- It takes a lock and reads the table; rows without an owner are to be given one first.\nALTER TABLE %s ALTER COLUMN %I SET NOT NULL;',
                  t.name, t.column_name)
    FROM tables t
    JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum = t.column_number
    JOIN warden.protections p ON p.relation::oid = t.relation
    WHERE NOT a.attnotnull AND t.parent_column IS NULL AND NOT t.is_partition AND p.public_column IS NULL
      AND NOT EXISTS (SELECT FROM warden.allowances w WHERE w.relation = p.root)

    UNION ALL
    -- Only where other owners have one: users can be in the directory alone.
    SELECT 'owner_without_foreign_key', t.name,
           format('%I does not refer to %s, as the owners of other tables do: rows of users who are gone stay behind', t.column_name, u.relation::regclass),
           format(E'-- It reads the table, for its owner within begin_admin(); rows of users who are gone stand against it.\nALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (%I)%s;',
                  t.name, t.column_name, u.relation::regclass, u.key,
                  CASE u.on_delete WHEN 'c' THEN ' ON DELETE CASCADE' WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'n' THEN ' ON DELETE SET NULL'
                                   WHEN 'd' THEN ' ON DELETE SET DEFAULT' ELSE '' END)
    FROM tables t JOIN users u ON u.type = t.type
    WHERE t.owner_column IS NOT NULL AND t.relation = t.root AND t.relation <> u.relation
      AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conrelid = t.relation AND o.contype = 'f' AND t.column_number = ANY (o.conkey))

    UNION ALL
    -- The policies of a protected table see to it that its rows refer to visible parents; no policy does so
    -- for a table that is not protected, and Postgres checks its keys without row security.
    SELECT 'foreign_key_oracle', format('%I of %s', o.conname, r.name),
           format('the table is not protected and a client may write to it: whether a row is refused tells which keys of %s exist', t.name),
           coalesce(warden.protect_as_child(r.relation), format('-- Protect %s, or take INSERT and UPDATE on it from clients.', r.name))
    FROM pg_constraint o
    JOIN tables t ON t.relation = o.confrelid
    JOIN warden.application_relations() r ON r.relation = o.conrelid
    WHERE o.contype = 'f' AND o.conparentid = 0
      AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation::oid = r.relation)
      -- A table with an owner column is open altogether, which is said of it already.
      AND NOT EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = r.relation AND w.attnum > 0 AND NOT w.attisdropped
                      AND w.attname IN (SELECT warden.owner_columns()))
      AND EXISTS (SELECT FROM warden.client_grants() g WHERE g.relation = r.relation AND g.privilege IN ('INSERT', 'UPDATE'))

    UNION ALL
    -- Rows that a superuser, begin_admin() or a time before protect() hung below another user's are not asked again.
    SELECT 'foreign_key_without_owner', format('%I of %s', o.conname, t.name),
           format('it does not hold %I: rows that an import or an admin attached to another user''s row of %s go with that user''s deletes',
                  t.column_name, u.name),
           format(E'-- In one transaction, within begin_admin() unless as superuser.\n%sALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s;',
                  CASE WHEN NOT EXISTS (
                           SELECT FROM pg_index i WHERE i.indrelid = u.relation AND i.indisunique AND i.indpred IS NULL
                             AND i.indnkeyatts = cardinality(o.confkey) + 1
                             AND (i.indkey::int2[])[0:i.indnkeyatts - 1] @> (o.confkey || u.column_number))
                       THEN format(E'ALTER TABLE %s ADD UNIQUE (%I, %s);\n', u.name, u.column_name, k.referenced) ELSE '' END,
                  t.name, o.conname, o.conname,
                  format('FOREIGN KEY (%I, %s) REFERENCES %s (%I, %s)%s%s%s', t.column_name, k.referring, u.name, u.column_name, k.referenced,
                         CASE o.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE' WHEN 'r' THEN ' ON UPDATE RESTRICT' ELSE '' END,
                         CASE o.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE' WHEN 'r' THEN ' ON DELETE RESTRICT'
                                            WHEN 'n' THEN format(' ON DELETE SET NULL (%s)', k.referring)
                                            WHEN 'd' THEN format(' ON DELETE SET DEFAULT (%s)', k.referring) ELSE '' END,
                         CASE WHEN o.condeferrable THEN CASE WHEN o.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' ELSE ' DEFERRABLE' END ELSE '' END))
    FROM pg_constraint o
    JOIN tables t ON t.relation = o.conrelid
    JOIN tables u ON u.relation = o.confrelid AND u.type = t.type
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.position) AS referring,
               string_agg(quote_ident(b.attname), ', ' ORDER BY n.position) AS referenced
        FROM unnest(o.conkey, o.confkey) WITH ORDINALITY AS n (referring, referenced, position)
        JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = n.referring
        JOIN pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = n.referenced) k
    WHERE o.contype = 'f' AND o.conparentid = 0
      AND t.owner_column IS NOT NULL AND u.owner_column IS NOT NULL
      AND NOT t.column_number = ANY (o.conkey)
      -- To a row that is shared, rows of others may refer.
      AND NOT u.is_shareable

    UNION ALL
    -- Whoever holds a row at level manage deletes it, and the key deletes without asking whose the rows below are.
    SELECT 'cascade_into_others', format('%I of %s', o.conname, t.name),
           format('rows of %s can be shared: whoever deletes one, at level manage, deletes what other users own in %s with it', u.name, t.name),
           format(E'%sALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s;',
                  CASE WHEN k.is_nullable THEN '' ELSE format(E'-- Whoever has such a row then keeps the one it refers to from being deleted; where %s may be NULL, ON DELETE SET NULL does not.\n', k.referring) END,
                  t.name, o.conname, o.conname,
                  regexp_replace(pg_get_constraintdef(o.oid), ' ON DELETE CASCADE', CASE WHEN k.is_nullable THEN ' ON DELETE SET NULL' ELSE ' ON DELETE RESTRICT' END))
    FROM pg_constraint o
    JOIN tables t ON t.relation = o.conrelid
    JOIN tables u ON u.relation = o.confrelid AND u.is_shareable
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.position) AS referring, NOT bool_or(a.attnotnull) AS is_nullable
        FROM unnest(o.conkey) WITH ORDINALITY AS n (referring, position)
        JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = n.referring) k
    WHERE o.contype = 'f' AND o.conparentid = 0 AND o.confdeltype = 'c' AND t.owner_column IS NOT NULL
      -- With the owner in it, it holds rows of one user together.
      AND NOT t.column_number = ANY (o.conkey)
$$;

COMMENT ON FUNCTION warden.findings_of_keys() IS
    'The part of doctor() about indexes, unique constraints and foreign keys of protected tables.';
