-- protect_schema(), and what it reads of the catalogue. The code is in src/protect/protect_schema.rs.

-- Partitions and children are left out where the table above them speaks for them.
CREATE FUNCTION warden.open_tables(schema_name oid, owner_column text, except_tables text[])
RETURNS TABLE (relation regclass, name text, note text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH tables AS (
        SELECT c.oid, c.relname, format('%I.%I', n.nspname, c.relname) AS full_name,
               EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = open_tables.owner_column
                       AND a.attnum > 0 AND NOT a.attisdropped) AS has_column
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relnamespace = open_tables.schema_name AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
          AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation = c.oid)
    )
    SELECT t.oid::regclass, t.full_name,
           CASE WHEN t.relname = ANY (open_tables.except_tables) THEN 'stays open: one of except_tables'
                WHEN warden.is_exempt(t.oid) THEN 'stays open: exempt, ' || (
                    SELECT e.reason FROM warden.exemptions e
                    JOIN warden.lineage(t.oid) AS l (member) ON e.relation::oid = l.member LIMIT 1)
                WHEN x.extension IS NOT NULL THEN 'stays open: belongs to extension ' || x.extension
                WHEN NOT t.has_column THEN format('stays open: has no column %I', open_tables.owner_column)
                WHEN i.parent IS NOT NULL THEN format('stays open: is a child of %s, which is not protected', i.parent)
           END
    FROM tables t
    LEFT JOIN LATERAL (
        SELECT min(i.inhparent)::regclass AS parent FROM pg_inherits i WHERE i.inhrelid = t.oid) i ON true
    LEFT JOIN LATERAL (
        SELECT quote_ident(e.extname) AS extension FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e'
          AND d.refclassid = 'pg_extension'::regclass) x ON true
    WHERE i.parent IS NULL
       OR (t.has_column AND NOT EXISTS (SELECT FROM tables above WHERE above.oid = i.parent AND above.has_column))
    -- One order for all callers, so that two at once wait for each other instead of deadlocking.
    ORDER BY t.oid;
END
$$;

COMMENT ON FUNCTION warden.open_tables(oid, text, text[]) IS
    'The tables of a schema that are not protected. note: why protect_schema() leaves the table so, NULL where it protects it.';

CREATE FUNCTION warden.protect_schema(
    schema_name regnamespace,
    owner_column text DEFAULT 'user_id',
    except_tables text[] DEFAULT '{}',
    manage_columns boolean DEFAULT true,
    create_index boolean DEFAULT true,
    replace_policies boolean DEFAULT false,
    dry_run boolean DEFAULT false
) RETURNS TABLE (table_name regclass, step int, sql text, lock text, rows bigint, note text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'protect_schema_wrapper';

COMMENT ON FUNCTION warden.protect_schema(regnamespace, text, text[], boolean, boolean, boolean, boolean) IS
    'Calls protect() for every table of the schema that carries the owner column and is not protected yet, all of them or none. except_tables: names that are passed over, as exempt tables and those of other extensions are; manage_columns, create_index, replace_policies and dry_run as in protect(). Returns the statements as protect() does, with their table; then one row for each table that stays open, with the reason as note. For the owner of the tables. Errors: as protect(), each naming the table; 22023 for a schema of the system.';
