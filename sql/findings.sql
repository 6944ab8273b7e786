-- What doctor() can find, and what its parts (sql/doctor_*.sql) share.

-- One severity a code: critical, where isolation can be void; warning, where something leaks or can be
-- found out; advice, for speed and hygiene. docs/doctor.md says of each what it means.
CREATE FUNCTION warden.finding_codes() RETURNS TABLE (code text, severity text)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT f.code, f.severity
    FROM (VALUES
        ('client_bypasses_row_security', 'critical'), ('client_has_other_duty', 'critical'),
        ('client_is_superuser', 'critical'), ('client_makes_roles', 'critical'),
        ('client_owns_database', 'critical'), ('client_owns_schema', 'critical'),
        ('client_owns_table', 'critical'), ('client_reaches_all_tables', 'critical'),
        ('client_reaches_server', 'critical'), ('client_replicates', 'critical'),
        ('definer_without_search_path', 'critical'), ('event_trigger_disabled', 'critical'),
        ('extension_granted', 'critical'), ('extra_policy', 'critical'),
        ('foreign_table_granted', 'critical'), ('identity_switch_allowed', 'critical'),
        ('immutable_identity', 'critical'), ('materialized_view_granted', 'critical'),
        ('partition_unprotected', 'critical'), ('policy_reads_setting', 'critical'),
        ('protection_incomplete', 'critical'), ('restrictive_policy_on_citus', 'critical'),
        ('row_security_not_forced', 'critical'), ('table_unprotected', 'critical'),
        ('triggers_switched_off', 'critical'), ('view_bypasses_row_security', 'critical'),

        ('client_creates_objects', 'warning'), ('client_reads_statements', 'warning'),
        ('definer_bypasses_row_security', 'warning'), ('definer_searches_temporary', 'warning'),
        ('definer_sets_identity', 'warning'), ('foreign_key_oracle', 'warning'),
        ('identity_setting_stored', 'warning'), ('library_not_preloaded', 'warning'),
        ('parameter_granted', 'warning'), ('partition_granted', 'warning'),
        ('privilege_granted', 'warning'), ('server_outdated', 'warning'),
        ('unique_oracle', 'warning'),

        ('cascade_into_others', 'advice'), ('foreign_key_without_owner', 'advice'), ('owner_not_indexed', 'advice'),
        ('owner_nullable', 'advice'), ('owner_without_foreign_key', 'advice'),
        ('policies_unwatched', 'advice'), ('search_not_leakproof', 'advice'),
        ('table_undeclared', 'advice'), ('temporary_granted', 'advice')
    ) AS f (code, severity);
END;

COMMENT ON FUNCTION warden.finding_codes() IS
    'Every code that doctor() can return, with its severity: critical, warning or advice.';

CREATE FUNCTION warden.grantee_name(grantee oid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE grantee_name.grantee WHEN 0 THEN 'PUBLIC' ELSE grantee_name.grantee::regrole::text END;
END;

COMMENT ON FUNCTION warden.grantee_name(oid) IS 'A grantee of an ACL, as it stands in GRANT and REVOKE.';

-- Those of the system, of temporary schemas and of extensions are nobody's to mend here.
CREATE FUNCTION warden.application_relations() RETURNS TABLE (
    relation oid, name text, kind "char", owner oid, schema oid, row_security boolean, forced boolean, is_partition boolean
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind, c.relowner, n.oid,
           c.relrowsecurity, c.relforcerowsecurity, c.relispartition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'warden')
      AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e');
END;

COMMENT ON FUNCTION warden.application_relations() IS
    'Tables, views, materialized views and foreign tables of the application; name is qualified and quoted.';

-- On columns too: a grant of one column is one of its rows.
CREATE FUNCTION warden.client_grants() RETURNS TABLE (relation oid, grantee oid, privilege text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH reach AS MATERIALIZED (SELECT 0::oid AS reached UNION ALL SELECT r.reached FROM warden.client_reach() r)
    SELECT c.oid, a.grantee, a.privilege_type
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.grantee <> c.relowner
      AND a.grantee IN (SELECT r.reached FROM reach r)
    UNION
    SELECT c.oid, a.grantee, a.privilege_type
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL
    CROSS JOIN LATERAL aclexplode(t.attacl) AS a
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.grantee <> c.relowner
      AND a.grantee IN (SELECT r.reached FROM reach r);
END;

COMMENT ON FUNCTION warden.client_grants() IS
    'What PUBLIC and every role in which a client can act (0: PUBLIC) was granted on relations and their columns.';

CREATE FUNCTION warden.owner_columns() RETURNS SETOF text
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH used (name) AS (
        SELECT p.owner_column FROM warden.protections p WHERE p.owner_column IS NOT NULL
        UNION
        SELECT w.owner_column FROM warden.watched_schemas w
    )
    SELECT u.name FROM used u
    UNION
    SELECT 'user_id' WHERE NOT EXISTS (SELECT FROM used);
END;

COMMENT ON FUNCTION warden.owner_columns() IS
    'The names by which this database says whose a row is: those of protected tables and watched schemas, else user_id.';

-- Callable by the owner of the table and by superusers: protect() mends what the table lacks.
CREATE FUNCTION warden.protect_again(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT step, sql FROM warden.protect(%L, owner_column => %L, tenant_column => %L, parent_column => %L, '
                  'public_column => %L, manage_columns => %L, create_index => %L, replace_policies => true%s);',
                  p.root, p.owner_column, p.tenant_column, p.parent_column, p.public_column, p.manage_columns, p.create_index,
                  CASE WHEN num_nonnulls(p.read_scope, p.write_scope) > 0
                       THEN format(', read_scope => %L, write_scope => %L', p.read_scope, p.write_scope) ELSE '' END
                  || CASE WHEN p.key_column IS NOT NULL THEN ', shareable => true' ELSE '' END
                  || CASE WHEN num_nonnulls(p.reference_level, p.read_level, p.write_level, p.capability) > 0
                          THEN format(', reference_level => %L, read_level => %L, write_level => %L, capability => %L',
                                      p.reference_level, p.read_level, p.write_level, p.capability) ELSE '' END)
    FROM warden.protections p WHERE p.relation::oid = protect_again.relation
$$;

COMMENT ON FUNCTION warden.protect_again(oid) IS
    'The call of protect() that mends a protected table; NULL for any other.';

CREATE FUNCTION warden.protect_as_child(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT step, sql FROM warden.protect(%L, owner_column => NULL, parent_column => %L);',
                  format('%I.%I', n.nspname, c.relname), a.attname)
    FROM pg_constraint o
    JOIN warden.protections p ON p.relation::oid = o.confrelid
    JOIN pg_class c ON c.oid = o.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]
    WHERE o.conrelid = protect_as_child.relation AND o.contype = 'f' AND o.conparentid = 0 AND cardinality(o.conkey) = 1
    ORDER BY a.attnotnull DESC, a.attnum LIMIT 1
$$;

COMMENT ON FUNCTION warden.protect_as_child(oid) IS
    'The call of protect() by which the rows of a table belong to those of a protected table that it refers to; NULL where it refers to none by one column.';

CREATE FUNCTION warden.is_bypassing(role oid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.oid = is_bypassing.role;
END;

COMMENT ON FUNCTION warden.is_bypassing(oid) IS 'Whether row-level security does not bind a role.';
