-- What sharing.sql asks of a row, of who asks, and of whom a row is to be shared with.

-- What src/protect/rows.rs does for the functions below; no client may call it.

CREATE FUNCTION warden.row_access(table_name regclass, id text) RETURNS TABLE (row_id text, access text, owner text)
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'row_access_wrapper';
COMMENT ON FUNCTION warden.row_access(regclass, text) IS
    'What the client reaches of a row, as its own policies say: the key as shares have it, owner or the highest level, and the value of the owner column. No row for one that it does not see. Errors: 22023 for a table that is not shareable.';

CREATE FUNCTION warden.row_owner(table_name regclass, id text) RETURNS TABLE (row_id text, owner text)
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'row_owner_wrapper';
COMMENT ON FUNCTION warden.row_owner(regclass, text) IS
    'The key and the owner of a row, whoever asks. No row for an unknown one. Errors: 22023 for a table that is not shareable.';

CREATE FUNCTION warden.row_tenant(table_name regclass, id text) RETURNS uuid
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'row_tenant_wrapper';
COMMENT ON FUNCTION warden.row_tenant(regclass, text) IS
    'The tenant of a row, whoever asks. NULL for an unknown row, and where the table has no tenant column. Errors: 22023 for a table that is not shareable.';

CREATE FUNCTION warden.owner_kind(table_name regclass) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'owner_kind_wrapper';
COMMENT ON FUNCTION warden.owner_kind(regclass) IS
    'What the owner column of a shareable table holds: user_id, external_id or external_number.';

CREATE FUNCTION warden.key_of(table_name regclass, id text) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'key_of_wrapper';
COMMENT ON FUNCTION warden.key_of(regclass, text) IS
    'A key of a shareable table as shares have it; NULL for what none of its rows can have.';

CREATE FUNCTION warden.may_write(table_name regclass) RETURNS boolean
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'may_write_wrapper';
COMMENT ON FUNCTION warden.may_write(regclass) IS
    'Whether the current identity writes to a shareable table at all: it holds the scope that is required, and does more than read.';

CREATE FUNCTION warden.hold_row(table_name regclass, id text) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'hold_row_wrapper';
COMMENT ON FUNCTION warden.hold_row(regclass, text) IS
    'Keeps a row of a shareable table from being deleted until the transaction ends, as a foreign key to it does. Returns its owner; NULL where it is not there.';

CREATE FUNCTION warden.give_row(table_name regclass, id text, former text, owner text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'give_row_wrapper';
COMMENT ON FUNCTION warden.give_row(regclass, text, text, text) IS
    'Puts another value into the owner column of a row of a shareable table, as the owner of the table. Returns whether it was there with the former one. Errors: 55000 for a table that a superuser owns; those of the table.';

CREATE FUNCTION warden.owner_value(table_name regclass, user_id uuid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE warden.owner_kind(owner_value.table_name)
        WHEN 'user_id' THEN u.id::text
        WHEN 'external_id' THEN coalesce(u.external_id, u.id::text)
        ELSE substring(u.external_id FROM '^[1-9][0-9]{0,18}$') END
    FROM warden.users u WHERE u.id = owner_value.user_id;
END;

COMMENT ON FUNCTION warden.owner_value(regclass, uuid) IS
    'What stands in the owner column of a shareable table for a user; NULL for a user that has no such value, and for an unknown one.';

CREATE FUNCTION warden.owner_of_value(table_name regclass, owner text) RETURNS uuid
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id FROM warden.users u
    WHERE CASE warden.owner_kind(owner_of_value.table_name)
        WHEN 'user_id' THEN u.id::text = owner_of_value.owner
        ELSE false END
    UNION ALL
    SELECT u.id FROM warden.users u
    WHERE u.external_id = owner_of_value.owner AND warden.owner_kind(owner_of_value.table_name) <> 'user_id'
    LIMIT 1;
END;

COMMENT ON FUNCTION warden.owner_of_value(regclass, text) IS
    'The user that a value of the owner column of a shareable table stands for; NULL where there is none.';

-- Who asks, and what it has to say about a row.
CREATE FUNCTION warden.sharing_of(table_name regclass, id text, OUT row_id text, OUT access text, OUT owner text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF warden.current_user_id() IS NULL AND warden.client_administers() THEN
        SELECT r.row_id, 'administrator', r.owner INTO row_id, access, owner
        FROM warden.row_owner(sharing_of.table_name, sharing_of.id) AS r;
    ELSE
        SELECT r.row_id, r.access, r.owner INTO row_id, access, owner
        FROM warden.row_access(sharing_of.table_name, sharing_of.id) AS r;
    END IF;
    IF row_id IS NULL THEN
        RAISE EXCEPTION 'row not found' USING ERRCODE = 'P0002';
    END IF;
END
$$;

COMMENT ON FUNCTION warden.sharing_of(regclass, text) IS
    'The key, the access (owner, a level, or administrator for an admin role by itself) and the owner of a row for who asks. Errors: P0002 for one that it does not see.';

-- Who acts behind an admin role, or for another user, is somebody himself.
CREATE FUNCTION warden.grantees_anywhere(user_id uuid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN array(
        SELECT 'user:' || grantees_anywhere.user_id
        UNION ALL SELECT 'user:' || a.user_id FROM warden.agents a WHERE a.owner_id = grantees_anywhere.user_id
        UNION ALL SELECT 'tenant:' || m.tenant_id FROM warden.tenant_members m WHERE m.user_id = grantees_anywhere.user_id
        UNION ALL SELECT 'role:' || r.role FROM unnest(warden.roles_anywhere(grantees_anywhere.user_id)) AS r (role)
        UNION ALL SELECT 'everyone');
END
$$;

COMMENT ON FUNCTION warden.grantees_anywhere(uuid) IS
    'By which names a user gets what is shared, in whichever tenant, those of its agents included.';

CREATE FUNCTION warden.refuse_own_gain(grantee text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(array_remove(warden.acting_people(), warden.current_user_id())) AS p (id)
               WHERE refuse_own_gain.grantee = ANY (warden.grantees_anywhere(p.id)))
       -- Who acts for a user may yet become one of many.
       OR (warden.current_actor_id() <> warden.current_user_id() AND refuse_own_gain.grantee NOT LIKE 'user:%') THEN
        RAISE EXCEPTION 'who acts for another gives himself nothing'
            USING ERRCODE = '42501', HINT = 'It would last longer than he may act: the owner shares the row, or another administrator assigns it.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.refuse_own_gain(text) IS
    'Raises 42501 where somebody acts, for the user of the transaction or behind an admin role, who is the grantee himself, has it as his agent, or is one of many that it names.';

CREATE FUNCTION warden.require_may_manage_row(table_name regclass, owner text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    managed uuid := warden.owner_of_value(require_may_manage_row.table_name, require_may_manage_row.owner);
    keeps_admins_out boolean := EXISTS (
        SELECT FROM warden.users u
        WHERE u.is_private AND u.id <> ALL (warden.acting_people())
          AND (u.id = managed OR u.id = (SELECT a.owner_id FROM warden.agents a WHERE a.user_id = managed)));
BEGIN
    PERFORM warden.require_may_grant('{}', CASE WHEN keeps_admins_out THEN '{owner}' ELSE '{}' END::text[]);
    RETURN warden.require_may_manage(managed);
END
$$;

COMMENT ON FUNCTION warden.require_may_manage_row(regclass, text) IS
    'Returns true where the acting person of require_may_grant() may manage the owner of a row of a shareable table, who is not private unless that person is an owner, or where a database role acts by itself. Errors: 42501.';

-- An open transaction outlives what ends its user's rights; what it leaves behind does not.
CREATE FUNCTION warden.require_good_credential() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- By the latest snapshot: a transaction that sees what was committed long ago is no refuge.
    IF warden.current_user_id() IS NOT NULL AND NOT warden.is_shown_credential_good() THEN
        RAISE EXCEPTION 'invalid credentials' USING ERRCODE = '28000';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_good_credential() IS
    'True where the credential of this transaction would still be accepted, and for a database role by itself. Errors: 28000.';

CREATE FUNCTION warden.require_level(level text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF level IN ('view', 'use', 'edit', 'manage', 'share') THEN
        RETURN level;
    END IF;
    RAISE EXCEPTION 'unknown level "%"', coalesce(level, '')
        USING ERRCODE = '22023', HINT = 'Levels are view, use, edit, manage and share, each with those before it.';
END
$$;

COMMENT ON FUNCTION warden.require_level(text) IS 'The level itself. Errors: 22023 for anything else.';

-- With whom a row is to be shared: the same answer for who does not exist and who may not have it.
CREATE FUNCTION warden.require_grantee(table_name regclass, grantee text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := split_part(grantee, ':', 1);
    named text := substr(grantee, length(kind) + 2);
    of_tenant boolean := (SELECT p.tenant_column IS NOT NULL FROM warden.protections p WHERE p.relation = require_grantee.table_name);
    tenant uuid := warden.current_tenant_id();
BEGIN
    IF kind IN ('user', 'tenant') AND named !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
       OR kind NOT IN ('user', 'tenant', 'role') AND grantee IS DISTINCT FROM 'everyone' THEN
        RAISE EXCEPTION 'this is nobody to share with'
            USING ERRCODE = '22023', HINT = 'Name user:<id>, role:<name>, tenant:<id> or everyone.';
    ELSIF kind = 'user' THEN
        IF NOT EXISTS (SELECT FROM warden.users u WHERE u.id = named::uuid AND u.status <> 'deleted')
           -- Within a tenant others are not known.
           OR (of_tenant AND tenant IS NOT NULL
               AND NOT EXISTS (SELECT FROM warden.tenant_members m WHERE m.tenant_id = tenant AND m.user_id = named::uuid)) THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        END IF;
    ELSIF kind = 'tenant' THEN
        IF named::uuid IS DISTINCT FROM tenant
           AND NOT (warden.current_user_id() IS NULL AND EXISTS (SELECT FROM warden.tenants t WHERE t.id = named::uuid)) THEN
            RAISE EXCEPTION 'tenant not found'
                USING ERRCODE = 'P0002', HINT = 'A row is shared with the tenant in which it is done.';
        END IF;
    ELSIF kind = 'role' AND NOT named = ANY (warden.role_names()) THEN
        RAISE EXCEPTION 'unknown role "%"', named
            USING ERRCODE = '22023', HINT = 'Roles ship with the extension, or are made by warden.define_role().';
    END IF;
    RETURN grantee;
END
$$;

COMMENT ON FUNCTION warden.require_grantee(regclass, text) IS
    'The grantee itself, where a row of the table can be shared with it. Errors: 22023 for what names nobody, P0002 for an unknown user or tenant, and for one outside of the current tenant where the table has a tenant column.';
