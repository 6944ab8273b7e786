-- Reading tenants and their members.

CREATE VIEW warden.known_tenants AS
    SELECT n.id, n.name, n.plan, n.status, n.settings, n.features, n.created_at, n.updated_at
    FROM warden.tenants n WHERE n.status <> 'deleted';

COMMENT ON VIEW warden.known_tenants IS 'Tenants that are not deleted, as find_tenant() returns them.';

CREATE FUNCTION warden.find_tenant(tenant_id uuid) RETURNS SETOF warden.known_tenants
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT warden.client_administers() AND (warden.identity() ->> 'tenant_id')::uuid IS DISTINCT FROM find_tenant.tenant_id THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT k.* FROM warden.known_tenants k WHERE k.id = find_tenant.tenant_id;
END
$$;

COMMENT ON FUNCTION warden.find_tenant(uuid) IS
    'A tenant with its settings and features; no row for an unknown or deleted one, nor, except for superusers and admin roles, for any but the one that the transaction acts in. Errors: 28000 where the identity has expired.';

-- As narrow as a terminal; find_tenant() shows the rest.
CREATE TYPE warden.listed_tenant AS (id uuid, name text, plan text, status text, roles text[]);

COMMENT ON TYPE warden.listed_tenant IS
    'A line of list_tenants(). roles: those of the signed-in user there; NULL for an administrator of the database.';

CREATE FUNCTION warden.list_tenants(
    status text DEFAULT NULL,
    page_size int DEFAULT 20,
    after_tenant uuid DEFAULT NULL
) RETURNS SETOF warden.listed_tenant
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    member uuid := CASE WHEN NOT administers THEN (warden.identity() ->> 'user_id')::uuid END;
    -- Where the page before ended.
    last_seen timestamptz := 'infinity';
    last_id uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
BEGIN
    PERFORM warden.require_page_size(list_tenants.page_size);
    IF list_tenants.status NOT IN ('active', 'suspended', 'deleted') THEN
        RAISE EXCEPTION 'unknown status of a tenant'
            USING ERRCODE = '22023', HINT = 'A tenant is active, suspended or deleted.';
    ELSIF NOT administers AND (member IS NULL OR list_tenants.status = 'deleted') THEN
        RETURN;
    END IF;
    IF list_tenants.after_tenant IS NOT NULL THEN
        SELECT n.created_at, n.id INTO last_seen, last_id FROM warden.tenants n
        WHERE n.id = list_tenants.after_tenant
          AND (administers OR EXISTS (SELECT FROM warden.tenant_members m WHERE m.tenant_id = n.id AND m.user_id = member));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'after_tenant is not a tenant of the page before' USING ERRCODE = '22023';
        END IF;
    END IF;
    IF administers THEN
        RETURN QUERY
        SELECT n.id, n.name, n.plan, n.status, NULL::text[] FROM warden.tenants n
        WHERE CASE WHEN list_tenants.status IS NULL THEN n.status <> 'deleted' ELSE n.status = list_tenants.status END
          AND (n.created_at, n.id) < (last_seen, last_id)
        ORDER BY n.created_at DESC, n.id DESC LIMIT list_tenants.page_size;
    ELSE
        RETURN QUERY
        SELECT n.id, n.name, n.plan, n.status, m.roles
        FROM warden.tenant_members m JOIN warden.known_tenants n ON n.id = m.tenant_id
        WHERE m.user_id = member AND (list_tenants.status IS NULL OR n.status = list_tenants.status)
          AND (n.created_at, n.id) < (last_seen, last_id)
        ORDER BY n.created_at DESC, n.id DESC LIMIT list_tenants.page_size;
    END IF;
END
$$;

COMMENT ON FUNCTION warden.list_tenants(text, int, uuid) IS
    'Tenants, newest first: for superusers and admin roles all of them, for a signed-in user those that it is a member of, to choose one by; none for nobody. status: active, suspended, deleted (for administrators), or NULL for the first two; page_size: 1 to 100; after_tenant: the last of the page before. Errors: 22023 for what can be none of these, 28000 where the identity has expired.';

CREATE TYPE warden.listed_member AS (user_id uuid, display_name text, roles text[], status text, added_at timestamptz);

COMMENT ON TYPE warden.listed_member IS 'A line of list_members(). status: that of the user.';

CREATE FUNCTION warden.list_members(
    tenant_id uuid,
    page_size int DEFAULT 20,
    after_user uuid DEFAULT NULL
) RETURNS SETOF warden.listed_member
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    last_seen timestamptz := '-infinity';
    last_id uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    IF NOT warden.client_administers() THEN
        PERFORM warden.require_tenant_admin(list_members.tenant_id);
    ELSIF NOT EXISTS (SELECT FROM warden.known_tenants n WHERE n.id = list_members.tenant_id) THEN
        RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'P0002';
    END IF;
    PERFORM warden.require_page_size(list_members.page_size);
    IF list_members.after_user IS NOT NULL THEN
        SELECT m.added_at, m.user_id INTO last_seen, last_id FROM warden.tenant_members m
        WHERE m.tenant_id = list_members.tenant_id AND m.user_id = list_members.after_user;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'after_user is not a member of the page before' USING ERRCODE = '22023';
        END IF;
    END IF;
    RETURN QUERY
    SELECT m.user_id, u.display_name, m.roles, u.status, m.added_at
    FROM warden.tenant_members m JOIN warden.known_users u ON u.id = m.user_id
    WHERE m.tenant_id = list_members.tenant_id AND (m.added_at, m.user_id) > (last_seen, last_id)
    ORDER BY m.added_at, m.user_id LIMIT list_members.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_members(uuid, int, uuid) IS
    'The members of a tenant, the longest there first, without addresses: user_id, display_name, roles in this tenant, status of the user, added_at. page_size: 1 to 100; after_user: the last of the page before. For whom add_member() is for. Errors: 28000 for nobody; 42501; P0002 for an unknown or deleted tenant, and for any but that of the transaction; 22023 for a page that cannot be.';
