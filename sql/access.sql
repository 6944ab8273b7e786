-- Questions about shared rows: who may do what, and why.

CREATE FUNCTION warden.level_number(level text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_position('{view,use,edit,manage,share,owner}'::text[], level_number.level);
END;

COMMENT ON FUNCTION warden.level_number(text) IS 'The place of a level on the ladder, from 1 for view to 6 for owner; NULL for anything else.';

COMMENT ON FUNCTION warden.current_grantees() IS
    'Whom the current user is when rows are shared: user:<id>, tenant:<id>, role:<name> for each of its roles, and everyone where it has another role than that of visitors. Empty for nobody.';

CREATE FUNCTION warden.grantees_of(user_id uuid, tenant_id uuid) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT ARRAY['user:' || u.id]
        || CASE WHEN t.id IS NOT NULL THEN ARRAY['tenant:' || t.id] ELSE '{}' END
        || array(SELECT 'role:' || r.role FROM unnest(w.roles) AS r (role))
        || CASE WHEN w.roles <@ '{anonymous}' THEN '{}' ELSE '{everyone}'::text[] END
    FROM warden.users u
    CROSS JOIN LATERAL (SELECT CASE WHEN warden.may_be_in_tenant(u.id, grantees_of.tenant_id) THEN grantees_of.tenant_id END) AS t (id)
    CROSS JOIN LATERAL (SELECT warden.roles_left(u.id, t.id)) AS w (roles)
    WHERE u.id = grantees_of.user_id;
END;

COMMENT ON FUNCTION warden.grantees_of(uuid, uuid) IS
    'What current_grantees() would be for a user, in a tenant if it may be in it.';

CREATE FUNCTION warden.is_outside_of_tenant(relation regclass, user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT p.tenant_column IS NOT NULL AND warden.current_tenant_id() IS NOT NULL
           AND NOT EXISTS (SELECT FROM warden.tenant_members m
                           WHERE m.tenant_id = warden.current_tenant_id() AND m.user_id = is_outside_of_tenant.user_id)
        FROM warden.protections p WHERE p.relation = is_outside_of_tenant.relation);
END
$$;

COMMENT ON FUNCTION warden.is_outside_of_tenant(regclass, uuid) IS
    'Whether a user sees nothing of a table within the current tenant: the table has a tenant column, and the user is no member.';

CREATE FUNCTION warden.is_kept_out_of_tenant(relation regclass, user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN warden.is_outside_of_tenant(is_kept_out_of_tenant.relation, is_kept_out_of_tenant.user_id)
        OR EXISTS (SELECT FROM warden.agents a
                   WHERE a.user_id = is_kept_out_of_tenant.user_id
                     AND warden.is_outside_of_tenant(is_kept_out_of_tenant.relation, a.owner_id));
END
$$;

COMMENT ON FUNCTION warden.is_kept_out_of_tenant(regclass, uuid) IS
    'As is_outside_of_tenant(), and for an agent whose owner is outside.';

CREATE FUNCTION warden.is_row_of_tenant(relation regclass, row_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((
        SELECT CASE WHEN p.tenant_column IS NULL THEN true
            WHEN p.key_column IS NULL THEN false
            ELSE warden.row_tenant(p.relation, is_row_of_tenant.row_id) = warden.current_tenant_id() END
        FROM warden.protections p WHERE p.relation = is_row_of_tenant.relation), false);
END
$$;

COMMENT ON FUNCTION warden.is_row_of_tenant(regclass, text) IS
    'Whether a row is within reach of the current tenant: it is one of its rows, or its table has no tenant column.';

CREATE FUNCTION warden.access_level(table_name regclass, id text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT r.access FROM warden.row_access(access_level.table_name, access_level.id) AS r);
END
$$;

COMMENT ON FUNCTION warden.access_level(regclass, text) IS
    'What the current user is to a row of a shareable table: owner, or the level at which it is shared, or view where everybody may read it; NULL for a row that one does not see. Asked of the table itself, under its policies. Errors: 22023 for a table that is not shareable; 42501 without the privilege, or the scope, to read it; 28000 where the identity has expired.';

CREATE FUNCTION warden.can(table_name regclass, id text, level text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(warden.level_number(warden.access_level(can.table_name, can.id))
                    >= warden.level_number(CASE can.level WHEN 'owner' THEN 'owner' ELSE warden.require_level(can.level) END), false)
       -- What changes a row, or who reaches it, is for those who may write to the table at all.
       AND (can.level IN ('view', 'use') OR warden.may_write(can.table_name));
END
$$;

COMMENT ON FUNCTION warden.can(regclass, text, text) IS
    'Whether the current user may do with a row of a shareable table what a level stands for: view, use, edit, manage, share, or owner (give it away); false for a row that one does not see. Errors: as access_level(), 22023 for an unknown level.';

CREATE FUNCTION warden.require_access(table_name regclass, id text, level text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF warden.can(require_access.table_name, require_access.id, require_access.level) THEN
        RETURN true;
    ELSIF warden.access_level(require_access.table_name, require_access.id) IS NULL THEN
        RAISE EXCEPTION 'row not found' USING ERRCODE = 'P0002';
    END IF;
    RAISE EXCEPTION 'this row takes level %', require_access.level
        USING ERRCODE = '42501', HINT = 'warden.access_level() says which one you have.';
END
$$;

COMMENT ON FUNCTION warden.require_access(regclass, text, text) IS
    'True where can() is. Errors: P0002 for a row that one does not see, whether it exists or not, 42501 for one that one sees at a lower level; as can().';

CREATE FUNCTION warden.list_shares(table_name regclass, id text)
RETURNS TABLE (share_id uuid, grantee text, level text, status text, counts boolean, expires_at timestamptz, granted_by uuid, granted_at timestamptz, under uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    SELECT s.* INTO found FROM warden.sharing_of(list_shares.table_name, list_shares.id) AS s;
    IF found.access NOT IN ('owner', 'share', 'administrator') THEN
        RAISE EXCEPTION 'whom a row is shared with is told at level share' USING ERRCODE = '42501';
    END IF;
    RETURN QUERY
        SELECT s.id, s.grantee, s.level, s.status, warden.share_counts(s.id) IS NOT NULL, s.expires_at, s.granted_by, s.granted_at, s.under
        FROM warden.shares s
        WHERE s.relation = list_shares.table_name AND s.row_id = found.row_id
          AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
        ORDER BY s.granted_at, s.id;
END
$$;

COMMENT ON FUNCTION warden.list_shares(regclass, text) IS
    'Everything that was shared of a row and not taken back, the oldest first, with whether it counts now. For the owner of the row, whoever holds it at level share, and admin roles. Errors: P0002 for a row that one does not see; 42501 for a level below share, and without the privilege, or the scope, to read the table; 22023 for a table that is not shareable; 28000 where the identity has expired.';

CREATE FUNCTION warden.who_can(table_name regclass, id text, level text DEFAULT 'view')
RETURNS TABLE (grantee text, access text, share_id uuid, granted_by uuid, expires_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
    owner_id uuid;
BEGIN
    PERFORM warden.require_level(who_can.level);
    SELECT s.* INTO found FROM warden.sharing_of(who_can.table_name, who_can.id) AS s;
    IF found.access NOT IN ('owner', 'share', 'administrator') THEN
        RAISE EXCEPTION 'who reaches a row is told at level share' USING ERRCODE = '42501';
    END IF;
    owner_id := warden.owner_of_value(who_can.table_name, found.owner);
    RETURN QUERY
        SELECT 'user:' || owner_id, 'owner', NULL::uuid, NULL::uuid, NULL::timestamptz WHERE warden.may_act(owner_id)
        UNION ALL
        (SELECT s.grantee, s.level, s.id, s.granted_by, s.expires_at
         FROM warden.shares s
         WHERE s.relation = who_can.table_name AND s.row_id = found.row_id
           AND warden.level_number(warden.share_counts(s.id)) >= warden.level_number(who_can.level)
           AND CASE WHEN s.grantee LIKE 'user:%'
                    THEN warden.may_act(substr(s.grantee, 6)::uuid) AND NOT warden.is_kept_out_of_tenant(s.relation, substr(s.grantee, 6)::uuid)
                    ELSE true END
         ORDER BY s.granted_at, s.id);
END
$$;

COMMENT ON FUNCTION warden.who_can(regclass, text, text) IS
    'Who reaches a row at a level or above (view, if not given), now: its owner, and every share that counts, each with what it gives (access); roles, tenants and everyone by their name. Who cannot sign in is not listed, since he reaches nothing (suspended, say, or an agent whose owner is), nor within a tenant who has left it. What a public column or allow() shows to all is not listed. For the owner of the row, whoever holds it at level share, and admin roles. Errors: P0002 for a row that one does not see; 42501 for a level below share, and without the privilege, or the scope, to read the table; 22023 for an unknown level, and for a table that is not shareable; 28000 where the identity has expired.';

CREATE FUNCTION warden.shared_with_me()
RETURNS TABLE (table_name regclass, id text, level text, status text, counts boolean, share_id uuid, grantee text, granted_by uuid, granted_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT s.relation, s.row_id, s.level, s.status, s.status = 'accepted' AND here.is_within_reach,
               s.id, s.grantee, s.granted_by, s.granted_at, s.expires_at
        FROM warden.shares s
        JOIN warden.protections p ON p.relation = s.relation
        -- Of a table without tenants nothing has to be read.
        CROSS JOIN LATERAL (SELECT p.tenant_column IS NULL OR warden.is_row_of_tenant(s.relation, s.row_id) AS is_within_reach) AS here
        WHERE s.grantee = ANY (warden.current_grantees())
          AND CASE s.status WHEN 'accepted' THEN warden.share_counts(s.id) IS NOT NULL
                            WHEN 'pending' THEN coalesce(s.expires_at, 'infinity') > clock_timestamp()
                                            AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
                            ELSE false END
          -- Who is named is told what waits for him in other tenants; nobody else is told of anything there.
          AND (s.grantee LIKE 'user:%' OR here.is_within_reach)
        ORDER BY s.granted_at DESC, s.id;
END
$$;

COMMENT ON FUNCTION warden.shared_with_me() IS
    'What is shared with the current user, its tenant, its roles or everyone, the newest first: what is accepted and has not ended, and what is offered (pending). counts: whether it opens the row in this transaction, so that a SELECT shows it; false for an offer, and for a row of another tenant than the current one, which is listed for who is named alone. Empty for nobody. Errors: 28000 where the identity has expired.';

CREATE FUNCTION warden.explain_access(table_name regclass, id text, user_id uuid DEFAULT NULL)
RETURNS TABLE (reason text, level text, counts boolean, detail text, share_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me uuid := warden.current_user_id();
    whose uuid := coalesce(explain_access.user_id, me);
    reached record;
    asked warden.users;
    grantees text[];
BEGIN
    SELECT s.* INTO reached FROM warden.sharing_of(explain_access.table_name, explain_access.id) AS s;
    IF whose IS DISTINCT FROM me AND reached.access NOT IN ('owner', 'share', 'administrator') THEN
        RAISE EXCEPTION 'who reaches a row is told at level share' USING ERRCODE = '42501';
    END IF;
    SELECT u.* INTO asked FROM warden.users u WHERE u.id = whose AND u.status <> 'deleted';
    -- Within a tenant others are not known.
    IF NOT FOUND OR (whose IS DISTINCT FROM me AND me IS NOT NULL AND warden.is_outside_of_tenant(explain_access.table_name, whose)) THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    grantees := CASE WHEN whose = me THEN warden.current_grantees() ELSE warden.grantees_of(whose, warden.current_tenant_id()) END;
    RETURN QUERY
        SELECT 'owner', 'owner', true, 'the row is this user''s own', NULL::uuid
        WHERE reached.owner = warden.owner_value(explain_access.table_name, whose)
        UNION ALL
        (SELECT 'share', s.level, warden.share_counts(s.id) IS NOT NULL,
                concat_ws(', ', 'with ' || s.grantee, 'by ' || s.granted_by,
                    CASE WHEN s.status <> 'accepted' THEN s.status END,
                    CASE WHEN s.expires_at <= clock_timestamp() THEN 'expired' ELSE 'until ' || s.expires_at END,
                    CASE WHEN s.under IS NOT NULL THEN 'under ' || s.under
                         || CASE WHEN warden.share_counts(s.under) IS DISTINCT FROM 'share' THEN ', which counts no more' ELSE '' END END),
                s.id
         FROM warden.shares s
         WHERE s.relation = explain_access.table_name AND s.row_id = reached.row_id AND s.grantee = ANY (grantees)
           AND NOT EXISTS (SELECT FROM warden.revoked_shares r WHERE r.share_id = s.id)
         ORDER BY warden.level_number(s.level) DESC, s.granted_at)
        UNION ALL
        -- Seen, and for none of these reasons.
        SELECT 'declared', 'view', true, 'a public column or allow() shows it', NULL
        WHERE whose = me AND reached.access = 'view' AND NOT EXISTS (
            SELECT FROM warden.shares s
            WHERE s.relation = explain_access.table_name AND s.row_id = reached.row_id AND s.grantee = ANY (grantees)
              AND warden.share_counts(s.id) IS NOT NULL)
        UNION ALL
        SELECT 'read_only', NULL, true, 'who may not write to the table changes and shares nothing', NULL
        WHERE whose = me AND NOT warden.may_write(explain_access.table_name)
        UNION ALL
        SELECT 'tenant', NULL, false, CASE WHEN warden.is_outside_of_tenant(explain_access.table_name, whose)
            THEN 'the user is no member of the tenant' ELSE 'the owner of the agent is no member of the tenant' END, NULL
        WHERE warden.is_kept_out_of_tenant(explain_access.table_name, whose)
        UNION ALL
        SELECT 'user', NULL, false, CASE WHEN asked.status <> 'active' THEN 'the user is ' || asked.status
            ELSE coalesce((SELECT CASE WHEN a.status <> 'active' THEN 'the agent is ' || a.status ELSE 'the owner of the agent is not active' END
                           FROM warden.agents a WHERE a.user_id = whose), 'the agent is not registered') END, NULL
        WHERE NOT warden.may_act(whose);
END
$$;

COMMENT ON FUNCTION warden.explain_access(regclass, text, uuid) IS
    'Why a user reaches a row of a shareable table, one row a reason: that it is the owner, each share with it, its roles, its tenant (the current one) or everyone, the highest level first, with whether that counts now and why not; what shows the row to all; what keeps the user from more, or out: that it, or the owner of an agent, cannot sign in or is not in the tenant. Of the roles of an agent those count that its owner has too. No row: for no reason. user_id: the current user, if not given; another one is told to the owner of the row, whoever holds it at level share, and admin roles. Errors: P0002 for a row that one does not see, and for an unknown user, as one outside of the current tenant is where the table has a tenant column; 42501 for a level below share, where another one is asked about, and without the privilege, or the scope, to read the table; 22023 for a table that is not shareable; 28000 where the identity has expired.';
