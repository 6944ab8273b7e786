-- doctor(): indexes that a search under a policy cannot use.

-- Before the policy has been asked about a row, Postgres applies to it only what cannot tell of it: operators and
-- functions that are LEAKPROOF. So an index serves a search by others only where it leads with the owner.
CREATE FUNCTION warden.findings_of_search() RETURNS TABLE (code text, object text, problem text, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH indexes AS MATERIALIZED (
        SELECT i.indexrelid AS index, x.relname AS index_name, i.indexprs::text AS expressions, o.oid AS class, o.opcname AS class_name,
               o.opcmethod AS method, o.opcfamily AS family, o.opcintype AS type, m.amname AS method_name, t.name
        FROM warden.application_relations() t
        JOIN warden.protections p ON p.relation::oid = t.relation
        JOIN pg_index i ON i.indrelid = t.relation
        JOIN pg_class x ON x.oid = i.indexrelid AND NOT x.relispartition
        JOIN pg_am m ON m.oid = x.relam
        -- The column by which an index begins; one that does not begin with the owner is for searching by this one.
        JOIN pg_opclass o ON o.oid = i.indclass[0]
        LEFT JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum = i.indkey[0]
        WHERE a.attname IS DISTINCT FROM coalesce(p.owner_column, p.parent_column, p.tenant_column)
    ), needed AS (
        SELECT x.index, x.index_name, x.name, p.oid AS function, p.proleakproof AS is_leakproof, true AS is_operator
        FROM indexes x
        JOIN pg_amop a ON a.amopfamily = x.family AND a.amopmethod = x.method AND a.amoppurpose = 's'
                      AND a.amoplefttype = x.type AND (x.method_name <> 'btree' OR a.amoprighttype = x.type)
        JOIN pg_operator r ON r.oid = a.amopopr
        JOIN pg_proc p ON p.oid = r.oprcode
        UNION
        -- What these are made for is no operator of theirs.
        SELECT x.index, x.index_name, x.name, p.oid, p.proleakproof, true
        FROM indexes x JOIN pg_proc p ON p.oid = 'textlike(text,text)'::regprocedure
        WHERE x.class_name IN ('text_pattern_ops', 'varchar_pattern_ops')
        UNION
        -- A search by an expression calls its functions, too.
        SELECT x.index, x.index_name, x.name, p.oid, p.proleakproof, false
        FROM indexes x
        CROSS JOIN LATERAL regexp_matches(x.expressions, E':(funcid|opno) (\\d+)', 'g') AS f (found)
        JOIN pg_proc p ON p.oid = CASE f.found[1] WHEN 'funcid' THEN f.found[2]::oid
                                  ELSE (SELECT r.oprcode FROM pg_operator r WHERE r.oid = f.found[2]::oid) END
    ), unserved AS (
        SELECT n.index_name, n.name,
               string_agg(format('ALTER FUNCTION %s LEAKPROOF;', n.function::regprocedure), E'\n' ORDER BY n.function)
                   FILTER (WHERE NOT n.is_leakproof) AS sql
        FROM needed n
        GROUP BY n.index, n.index_name, n.name
        HAVING bool_or(NOT n.is_leakproof)
    )
    SELECT 'search_not_leakproof', format('%I of %s', u.index_name, u.name),
           'a search under a policy cannot use it where an operator or function is not LEAKPROOF: the rows of the user are read one by one',
           concat_ws(E'\n', '-- Nothing has to be done where users have few rows. A risk: LEAKPROOF promises that the function tells nothing of',
                     '-- its arguments, not even by an error; it is then called with rows of other users, in every query of this database.',
                     '-- For superusers; no dump has it, so it is to be said again after a restore.', u.sql)
    FROM unserved u
$$;

COMMENT ON FUNCTION warden.findings_of_search() IS
    'The part of doctor() about indexes of protected tables whose operators or functions are not leakproof: full text, jsonb, LIKE, trigrams.';
