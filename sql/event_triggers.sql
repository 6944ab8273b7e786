-- Keeping protection standing: what changes a table is looked at when it has happened. The handlers
-- are in src/protect/follow.rs; here is what they read.

-- For dumps that are restored: a dump brings policies and triggers as statements of its own, after
-- the rows of warden.protections. Every dump begins with these two settings.
CREATE FUNCTION warden.restores_a_dump() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT current_setting('row_security') = 'off' AND current_setting('check_function_bodies') = 'off';
END;

COMMENT ON FUNCTION warden.restores_a_dump() IS
    'Whether the session has the settings with which every script of pg_dump and pg_restore begins.';

-- A database that a dump is restored into may have been made ready for it: the extension, roles, watched schemas.

CREATE FUNCTION warden.keep_watched_schema() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM warden.watched_schemas w WHERE w.schema_name = NEW.schema_name) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION warden.keep_watched_schema() IS
    'Trigger: a dump that is restored does not change what this database says of a schema that it watches already.';

CREATE TRIGGER keep BEFORE INSERT ON warden.watched_schemas
    FOR EACH ROW WHEN (warden.restores_a_dump()) EXECUTE FUNCTION warden.keep_watched_schema();

CREATE FUNCTION warden.keep_database_role() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM warden.database_roles d WHERE d.role = NEW.role AND d.kind = NEW.kind) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION warden.keep_database_role() IS
    'Trigger: a role that was added already is none too many in a dump that is restored.';

CREATE TRIGGER keep BEFORE INSERT ON warden.database_roles
    FOR EACH ROW WHEN (warden.restores_a_dump()) EXECUTE FUNCTION warden.keep_database_role();

-- Backends keep which roles are clients' (src/exemption.rs).
CREATE TRIGGER rows_changed AFTER INSERT OR UPDATE OR DELETE ON warden.database_roles
    FOR EACH ROW EXECUTE FUNCTION warden.rows_changed();
CREATE TRIGGER table_emptied AFTER TRUNCATE ON warden.database_roles
    FOR EACH STATEMENT EXECUTE FUNCTION warden.rows_changed();
ALTER TABLE warden.database_roles ENABLE ALWAYS TRIGGER rows_changed;
ALTER TABLE warden.database_roles ENABLE ALWAYS TRIGGER table_emptied;

CREATE FUNCTION warden.renumber_audit_record() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number bigint;
BEGIN
    IF NEW.id > (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM warden.audit_records_id_seq s) THEN
        -- By steps, each of which is one's own: setval() could put back what somebody else is counting.
        LOOP
            number := nextval('warden.audit_records_id_seq');
            EXIT WHEN number >= NEW.id;
        END LOOP;
        NEW.id := number;
    ELSIF EXISTS (SELECT FROM warden.audit_records r WHERE r.id = NEW.id AND r IS NOT DISTINCT FROM NEW) THEN
        RETURN NULL;
    ELSIF EXISTS (SELECT FROM warden.audit_records r WHERE r.id = NEW.id) THEN
        NEW.id := nextval('warden.audit_records_id_seq');
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION warden.renumber_audit_record() IS
    'Trigger: a record of a dump that is restored keeps its number unless this database has given it to another one, is not doubled, and is not counted over.';

CREATE TRIGGER renumber BEFORE INSERT ON warden.audit_records
    FOR EACH ROW WHEN (warden.restores_a_dump()) EXECUTE FUNCTION warden.renumber_audit_record();

-- The roots whose trees a table is in, was in, or is the top of.
CREATE FUNCTION warden.protection_roots(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT p.root::oid
    FROM warden.protections p JOIN warden.lineage(protection_roots.relation) AS l (member) ON p.relation::oid = l.member;
END;

COMMENT ON FUNCTION warden.protection_roots(oid) IS
    'The tables protect() was called for, in whose partition or inheritance trees this one is or was.';

-- Whether something protected hangs below a table that is not.
CREATE FUNCTION warden.open_parent(relation oid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i.inhrelid::regclass || ' through ' || i.inhparent::regclass
    FROM warden.table_tree(open_parent.relation::regclass) t
    JOIN warden.protections p ON p.relation = t.member
    JOIN pg_inherits i ON i.inhrelid = t.member::oid
    WHERE NOT EXISTS (SELECT FROM warden.protections q WHERE q.relation::oid = i.inhparent)
    LIMIT 1;
END;

COMMENT ON FUNCTION warden.open_parent(oid) IS
    'A protected table at or below this one whose parent is not protected, with that parent; NULL where there is none.';

-- Callable during ddl_command_end only.
CREATE FUNCTION warden.changed_tables() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH commands AS (
            SELECT CASE c.classid
                       WHEN 'pg_class'::regclass THEN c.objid
                       WHEN 'pg_policy'::regclass THEN (SELECT p.polrelid FROM pg_policy p WHERE p.oid = c.objid)
                       WHEN 'pg_trigger'::regclass THEN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = c.objid)
                   END AS relation,
                   c.command_tag = 'CREATE TRIGGER' AS makes_trigger,
                   (SELECT a.attname FROM pg_attribute a
                    WHERE c.object_type IN ('table column', 'composite type column')
                      AND a.attrelid = c.objid AND a.attnum = c.objsubid AND a.attnum > 0) AS new_column_name,
                   c.in_extension
            FROM pg_event_trigger_ddl_commands() c
            WHERE c.classid IN ('pg_class'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
        ), relations AS (
            SELECT c.relation, c.makes_trigger, c.new_column_name, c.in_extension FROM commands c
            UNION ALL
            -- CREATE TABLE … OF a type: what is altered in the type is altered in its tables.
            SELECT typed.oid, false, c.new_column_name, c.in_extension
            FROM commands c
            JOIN pg_class y ON y.oid = c.relation AND y.relkind = 'c'
            JOIN pg_class typed ON typed.reloftype = y.reltype
        ), tables AS (
            SELECT t.oid, t.relname, t.relnamespace, t.relowner, t.relkind, bool_or(c.makes_trigger) AS makes_trigger,
                   max(c.new_column_name) AS new_column_name, bool_and(c.in_extension) AS in_extension
            FROM relations c JOIN pg_class t ON t.oid = c.relation
            WHERE t.relkind IN ('r', 'p', 'f') AND t.relpersistence <> 't' AND t.relnamespace <> 'warden'::regnamespace
            GROUP BY t.oid
        )
        SELECT jsonb_build_object('restoring', warden.restores_a_dump(), 'tables', jsonb_agg(jsonb_build_object(
            'oid', t.oid::bigint,
            'name', format('%I.%I', n.nspname, t.relname),
            'owner', t.relowner::bigint,
            'makes_trigger', t.makes_trigger,
            'lineage', (SELECT jsonb_agg(l.member::bigint) FROM warden.lineage(t.oid) AS l (member)),
            'new_column_name', t.new_column_name,
            -- As a dump makes a protected table, and pg_restore -t leaves it: what would close it is an entry of its own.
            'forced_alone', (SELECT c.relforcerowsecurity AND NOT c.relrowsecurity FROM pg_class c WHERE c.oid = t.oid),
            'roots', coalesce((SELECT jsonb_agg(r.root::bigint) FROM warden.protection_roots(t.oid) AS r (root)), '[]'),
            'is_new_to', (
                SELECT jsonb_build_object('owner_column', w.owner_column, 'action', w.action,
                                          'manage_columns', w.manage_columns, 'create_index', w.create_index)
                FROM warden.watched_schemas w
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = w.owner_column AND a.attnum > 0 AND NOT a.attisdropped
                WHERE w.schema_name = n.nspname AND t.relkind IN ('r', 'p') AND t.relname <> ALL (w.except_tables)
                  AND NOT t.in_extension
                  AND NOT EXISTS (SELECT FROM warden.protections p WHERE p.relation = t.oid)
                  AND NOT warden.is_exempt(t.oid)),
            -- A client's table that refers to a protected one asks which of its keys exist; one that its cascades reach
            -- through others has triggers fired in the middle of what its owner does.
            'client_refers_to', (
                WITH RECURSIVE above (relation) AS (
                    SELECT o.confrelid FROM pg_constraint o WHERE o.conrelid = t.oid AND o.contype = 'f'
                    UNION
                    SELECT o.confrelid FROM above a JOIN pg_constraint o ON o.conrelid = a.relation AND o.contype = 'f'
                )
                SELECT p.relation
                FROM above a JOIN warden.protections p ON p.relation = a.relation
                CROSS JOIN LATERAL (SELECT array(SELECT r.reached FROM warden.client_reach() r)) AS clients (roles)
                WHERE EXISTS (
                    SELECT FROM warden.client_tables_below(p.relation, clients.roles) AS b (relation)
                    WHERE b.relation = t.oid OR b.relation IN (SELECT warden.client_tables_below(t.oid, clients.roles)))
                LIMIT 1))))
        FROM tables t JOIN pg_namespace n ON n.oid = t.relnamespace);
END
$$;

COMMENT ON FUNCTION warden.changed_tables() IS
    'The tables that the command under way has made or changed, with what the event trigger has to know of each.';

-- Callable during sql_drop only.
CREATE FUNCTION warden.dropped_protection() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        WITH dropped AS MATERIALIZED (
            SELECT d.classid, d.objid, d.objsubid, d.object_type, d.object_identity, d.object_name, d.address_names
            FROM pg_event_trigger_dropped_objects() d
            WHERE NOT d.is_temporary AND d.object_type IN ('table', 'schema', 'policy', 'trigger', 'table column')
        )
        SELECT jsonb_build_object(
            'restoring', warden.restores_a_dump(),
            'tables', coalesce((
                SELECT jsonb_agg(jsonb_build_object('oid', d.objid::bigint, 'name', d.object_identity))
                FROM dropped d JOIN warden.protections p ON p.relation::oid = d.objid
                WHERE d.object_type = 'table'), '[]'),
            'exempt', coalesce((
                SELECT jsonb_agg(jsonb_build_object('oid', d.objid::bigint, 'name', d.object_identity))
                FROM dropped d JOIN warden.exemptions e ON e.relation::oid = d.objid
                WHERE d.object_type = 'table'), '[]'),
            'schemas', coalesce((
                SELECT jsonb_agg(d.object_name)
                FROM dropped d JOIN warden.watched_schemas w ON w.schema_name = d.object_name
                WHERE d.object_type = 'schema'), '[]'),
            'changed', coalesce((
                SELECT jsonb_agg(jsonb_build_object('oid', c.oid::bigint, 'roots', c.roots))
                FROM (
                    SELECT DISTINCT c.oid, (SELECT jsonb_agg(r.root::bigint) FROM warden.protection_roots(c.oid) AS r (root)) AS roots
                    FROM dropped d
                    JOIN pg_namespace n ON n.nspname = d.address_names[1]
                    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.address_names[2]
                    WHERE d.object_type IN ('policy', 'trigger', 'table column')) c
                WHERE c.roots IS NOT NULL), '[]'))
        WHERE EXISTS (SELECT FROM dropped));
END
$$;

COMMENT ON FUNCTION warden.dropped_protection() IS
    'What the command under way has dropped of protected tables; NULL where it has dropped nothing of the kind.';

CREATE FUNCTION warden.after_ddl() RETURNS event_trigger
LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'after_ddl_wrapper';

COMMENT ON FUNCTION warden.after_ddl() IS
    'Event trigger: refuses (55000) what weakens a protected table, and lets partitions, children, renamed columns and new tables of watched schemas follow.';

CREATE FUNCTION warden.after_drop() RETURNS event_trigger
LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'after_drop_wrapper';

COMMENT ON FUNCTION warden.after_drop() IS
    'Event trigger: refuses (55000) to drop a policy, trigger or column that protects a table, and forgets tables that are gone.';

-- The commands that make or change tables, policies and triggers. CREATE SCHEMA can hold CREATE TABLE, and ALTER TYPE
-- reaches the tables of a type.
-- (REASSIGN OWNED has no event triggers: a table given to a client role so is seen by is_intact, and unprotect() refuses.)
CREATE EVENT TRIGGER warden_after_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA',
                 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
                 'CREATE POLICY', 'ALTER POLICY', 'CREATE TRIGGER', 'ALTER TRIGGER', 'ALTER TYPE')
    EXECUTE FUNCTION warden.after_ddl();

CREATE EVENT TRIGGER warden_after_drop ON sql_drop
    EXECUTE FUNCTION warden.after_drop();

-- Every function of ours names the schema.
CREATE FUNCTION warden.keep_schema_name() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regnamespace('warden') IS NULL THEN
        RAISE EXCEPTION 'schema warden cannot be renamed while extension pg_warden is in it'
            USING ERRCODE = '55000', HINT = 'Every policy names it. Give another name to whatever needs this one.';
    END IF;
END
$$;

COMMENT ON FUNCTION warden.keep_schema_name() IS 'Event trigger: refuses (55000) to rename schema warden.';

CREATE EVENT TRIGGER warden_keep_schema_name ON ddl_command_end
    WHEN TAG IN ('ALTER SCHEMA')
    EXECUTE FUNCTION warden.keep_schema_name();

-- Whoever drops a schema ends watching it, so the one that is watched and missing has a new name.
CREATE FUNCTION warden.follow_schema_name() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Event triggers run in the order of their names: keep_schema_name() refuses this one, by its own message.
    IF to_regnamespace('warden') IS NULL THEN
        RETURN;
    END IF;
    UPDATE warden.watched_schemas w SET schema_name = n.nspname
    FROM pg_event_trigger_ddl_commands() c JOIN pg_namespace n ON n.oid = c.objid
    WHERE c.classid = 'pg_namespace'::regclass
      AND NOT EXISTS (SELECT FROM pg_namespace o WHERE o.nspname = w.schema_name)
      AND NOT EXISTS (SELECT FROM warden.watched_schemas o WHERE o.schema_name = n.nspname);
END
$$;

COMMENT ON FUNCTION warden.follow_schema_name() IS 'Event trigger: a schema is watched by its new name, too.';

CREATE EVENT TRIGGER warden_follow_schema_name ON ddl_command_end
    WHEN TAG IN ('ALTER SCHEMA')
    EXECUTE FUNCTION warden.follow_schema_name();

COMMENT ON EVENT TRIGGER warden_follow_schema_name IS 'pg_warden: keeps watching schemas that are renamed';
COMMENT ON EVENT TRIGGER warden_keep_schema_name IS 'pg_warden: keeps the name of its schema';
COMMENT ON EVENT TRIGGER warden_after_ddl IS 'pg_warden: keeps protected tables protected';
COMMENT ON EVENT TRIGGER warden_after_drop IS 'pg_warden: keeps protected tables protected';

-- watch_schema() and unwatch_schema(), in src/protect/watch.rs. Anybody may call them; the code asks who calls.

CREATE FUNCTION warden.watch_schema(
    schema_name regnamespace,
    owner_column text DEFAULT 'user_id',
    except_tables text[] DEFAULT '{}',
    action text DEFAULT 'protect',
    manage_columns boolean DEFAULT true,
    create_index boolean DEFAULT true
) RETURNS text[]
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'watch_schema_wrapper';

COMMENT ON FUNCTION warden.watch_schema(regnamespace, text, text[], text, boolean, boolean) IS
    'From now on a table that comes into the schema, gets the column, or is altered while it has it, is protected by owner_column at once (action protect) or refused (action refuse). except_tables: names that are let through, for the tables of frameworks; manage_columns and create_index as in protect(). Returns the tables that carry the column and are not protected yet. Calling it again replaces what was said before. For the owner of the schema. Errors: 42501 for anybody else, 22023 for an unusable argument.';

CREATE FUNCTION warden.unwatch_schema(schema_name regnamespace) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'unwatch_schema_wrapper';

COMMENT ON FUNCTION warden.unwatch_schema(regnamespace) IS
    'Ends watch_schema(); what is protected stays so. Returns false where the schema was not watched. For the owner of the schema. Errors: 42501 for anybody else.';
