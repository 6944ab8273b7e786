-- Who belongs to a tenant. Administrators say so in their transaction; an admin of the tenant by a transaction of its
-- own (src/autonomous.rs), so that no client who idles keeps another one waiting.

COMMENT ON FUNCTION warden.role_is_named(text) IS
    'Whether a rule about an entity, or a share, names the role, which does not ship: who has its scopes does not have by that what it opens, or closes. Not callable by clients.';

CREATE FUNCTION warden.holds_roles(held text[], roles text[]) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(bool_and(r.role = ANY (holds_roles.held)
        OR (r.role <> 'owner' AND warden.scopes_of_roles(ARRAY[r.role]) <> '{}'
            AND warden.scopes_of_roles(ARRAY[r.role]) <@ warden.scopes_of_roles(holds_roles.held)
            AND ('owner' = ANY (holds_roles.held) OR NOT warden.role_is_named(r.role)))), true)
    FROM unnest(holds_roles.roles) AS r (role);
END;

COMMENT ON FUNCTION warden.holds_roles(text[], text[]) IS
    'Whether who has the first roles may give the second: each is among them, or gives scopes and none that they do not, and opens nothing by its name, except to owners. An owner is made by owners alone.';

CREATE FUNCTION warden.is_last_admin(tenant_id uuid, user_id uuid, roles_after text[]) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- What is left must hold: an owner where there was one, and somebody who administers in any case.
    WITH lost AS (
        SELECT CASE WHEN 'owner' = ANY (m.roles) AND 'owner' <> ALL (is_last_admin.roles_after) THEN '{owner}'::text[]
                    WHEN NOT is_last_admin.roles_after && '{owner,admin}' THEN '{owner,admin}' END AS roles
        FROM warden.tenant_members m JOIN warden.users u ON u.id = m.user_id AND u.status = 'active' AND u.kind <> 'agent'
        WHERE m.tenant_id = is_last_admin.tenant_id AND m.user_id = is_last_admin.user_id AND m.roles && '{owner,admin}'
    )
    SELECT EXISTS (
        SELECT FROM lost l WHERE l.roles IS NOT NULL AND NOT EXISTS (
            SELECT FROM warden.tenant_members o JOIN warden.users u ON u.id = o.user_id AND u.status = 'active' AND u.kind <> 'agent'
            WHERE o.tenant_id = is_last_admin.tenant_id AND o.user_id <> is_last_admin.user_id AND o.roles && l.roles));
END;

COMMENT ON FUNCTION warden.is_last_admin(uuid, uuid, text[]) IS
    'Whether a tenant would lose its last active owner, or where it has none its last active admin, if the member had these roles from now on.';

CREATE FUNCTION warden.change_member(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant uuid := arguments ->> 'tenant_id';
    member uuid := arguments ->> 'user_id';
    admin uuid := arguments ->> 'admin_id';
    before text[];
    after text[] := '{}';
    held text[];
BEGIN
    IF arguments -> 'roles' <> 'null' THEN
        after := array(SELECT jsonb_array_elements_text(arguments -> 'roles'));
    END IF;
    -- Written and not only locked: of two changes at once the second sees what the first has done, or is refused by its
    -- older snapshot.
    UPDATE warden.tenants n SET members_changed_at = clock_timestamp()
    WHERE n.id = tenant AND (n.status = 'active' OR (n.status = 'suspended' AND admin IS NULL));
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'tenant_not_found');
    END IF;
    SELECT m.roles INTO before FROM warden.tenant_members m WHERE m.tenant_id = tenant AND m.user_id = member;
    IF admin IS NOT NULL THEN
        SELECT m.roles INTO held FROM warden.tenant_members m JOIN warden.users u ON u.id = m.user_id
        WHERE m.tenant_id = tenant AND m.user_id = admin AND m.roles && '{owner,admin}' AND u.status = 'active' AND u.kind <> 'agent';
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'not_an_admin');
        ELSIF NOT warden.is_credential_good(admin, arguments -> 'credential') THEN
            RETURN jsonb_build_object('error', 'signed_out');
        ELSIF NOT warden.holds_roles(held, before || after) THEN
            RETURN jsonb_build_object('error', 'role_not_held');
        END IF;
    END IF;
    IF after <> '{}' THEN
        -- Held, so that nobody deletes the user before the membership is there to be deleted with it.
        PERFORM FROM warden.users u WHERE u.id = member AND u.status <> 'deleted' FOR KEY SHARE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'user_not_found');
        END IF;
    END IF;
    IF coalesce(before, '{}') @> after AND after @> coalesce(before, '{}') THEN
        RETURN jsonb_build_object('changed', false);
    ELSIF warden.is_last_admin(tenant, member, after) THEN
        RETURN jsonb_build_object('error', 'last_admin');
    END IF;
    IF after = '{}' THEN
        DELETE FROM warden.tenant_members m WHERE m.tenant_id = tenant AND m.user_id = member;
        PERFORM warden.write_audit('remove_member', tenant::text, jsonb_build_object('user_id', member, 'from', before));
    ELSE
        INSERT INTO warden.tenant_members AS m (tenant_id, user_id, roles) VALUES (tenant, member, after)
        ON CONFLICT ON CONSTRAINT tenant_members_pkey DO UPDATE SET roles = excluded.roles;
        PERFORM warden.write_audit('add_member', tenant::text,
            jsonb_build_object('user_id', member, 'from', before, 'to', after));
    END IF;
    RETURN jsonb_build_object('changed', true);
END
$$;

COMMENT ON FUNCTION warden.change_member(jsonb) IS
    'Task: user_id is a member of tenant_id with these roles from now on, or none with null; admin_id: the member who does it, who has to be an admin of the tenant and hold the roles, NULL for an administrator of the database; credential: by what that member is signed in. Answers changed, or an error: tenant_not_found, user_not_found, not_an_admin, signed_out, role_not_held, last_admin.';

CREATE FUNCTION warden.require_tenant_admin(tenant_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity jsonb := warden.identity();
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'nobody is signed in in this transaction'
            USING ERRCODE = '28000', HINT = 'Call warden.authenticate() after BEGIN.';
    ELSIF (identity ->> 'tenant_id')::uuid IS DISTINCT FROM require_tenant_admin.tenant_id OR require_tenant_admin.tenant_id IS NULL
        OR NOT EXISTS (SELECT FROM warden.tenants n WHERE n.id = require_tenant_admin.tenant_id AND n.status = 'active') THEN
        -- Another tenant and none are one answer.
        RAISE EXCEPTION 'tenant not found'
            USING ERRCODE = 'P0002', HINT = 'Sign in in the tenant: warden.authenticate(token, tenant_id => …).';
    ELSIF identity ->> 'actor_id' <> identity ->> 'user_id'
        -- What the token, or the client it was made for, does not grant.
        OR NOT warden.has_scope('admin')
        OR NOT EXISTS (
            SELECT FROM warden.tenant_members m JOIN warden.users u ON u.id = m.user_id
            WHERE m.tenant_id = require_tenant_admin.tenant_id AND m.user_id = (identity ->> 'user_id')::uuid
              AND m.roles && '{owner,admin}' AND u.status = 'active' AND u.kind <> 'agent') THEN
        RAISE EXCEPTION 'not an admin of this tenant'
            USING ERRCODE = '42501', HINT = 'Its admins and owners manage its members, by themselves and with the scope admin.';
    END IF;
    RETURN (identity ->> 'user_id')::uuid;
END
$$;

COMMENT ON FUNCTION warden.require_tenant_admin(uuid) IS
    'The signed-in user, who has to be an admin or owner of this tenant, act in it, and act himself. Errors: 28000 for nobody, P0002 for any tenant but the one the transaction acts in, 42501 for everybody else. Not callable by clients.';

CREATE FUNCTION warden.change_membership(tenant_id uuid, user_id uuid, roles text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    arguments jsonb := jsonb_build_object(
        'tenant_id', change_membership.tenant_id, 'user_id', change_membership.user_id, 'roles', change_membership.roles);
    answer jsonb;
BEGIN
    IF warden.client_administers() THEN
        -- Locked as the change does, so that the roles which are compared are those that are taken.
        PERFORM FROM warden.tenants n WHERE n.id = change_membership.tenant_id FOR NO KEY UPDATE;
        -- A person is in no tenant here, so what he gives or takes there he has to hold everywhere.
        PERFORM warden.require_may_grant('{}', array(
            SELECT unnest(change_membership.roles)
            UNION SELECT unnest(m.roles) FROM warden.tenant_members m
            WHERE m.tenant_id = change_membership.tenant_id AND m.user_id = change_membership.user_id), giving => true);
        answer := warden.change_member(arguments);
    ELSE
        answer := warden.autonomously_signed_in('change_member',
            arguments || jsonb_build_object('admin_id', warden.require_tenant_admin(change_membership.tenant_id)));
    END IF;
    CASE answer ->> 'error'
        WHEN 'tenant_not_found' THEN
            RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'P0002';
        WHEN 'user_not_found' THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        WHEN 'not_an_admin' THEN
            RAISE EXCEPTION 'not an admin of this tenant' USING ERRCODE = '42501';
        WHEN 'role_not_held' THEN
            RAISE EXCEPTION 'a role that you do not hold in this tenant'
                USING ERRCODE = '42501', HINT = 'Nobody gives or takes a role above his own.';
        WHEN 'last_admin' THEN
            RAISE EXCEPTION 'this is the last owner or admin of the tenant'
                USING ERRCODE = '55000', HINT = 'Give another active member the role first, by warden.add_member().';
        ELSE
            RETURN (answer -> 'changed')::boolean;
    END CASE;
END
$$;

COMMENT ON FUNCTION warden.change_membership(uuid, uuid, text[]) IS
    'What add_member() and remove_member() share. Not callable by clients.';

CREATE FUNCTION warden.add_member(tenant_id uuid, user_id uuid, roles text[] DEFAULT '{user}') RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(add_member.roles, '{}') = '{}' THEN
        RAISE EXCEPTION 'a member needs a role'
            USING ERRCODE = '22023', HINT = 'To end a membership there is warden.remove_member().';
    END IF;
    PERFORM warden.require_role_name(r.role) FROM unnest(add_member.roles) AS r (role);
    RETURN warden.change_membership(add_member.tenant_id, add_member.user_id,
        array(SELECT DISTINCT r.role FROM unnest(add_member.roles) AS r (role) ORDER BY r.role));
END
$$;

COMMENT ON FUNCTION warden.add_member(uuid, uuid, text[]) IS
    'Makes a user a member of a tenant, or gives a member these roles instead of those it had there; felt by its next transaction, and no row of any table moves. roles: beside those that the user has everywhere, while it acts in this tenant. Returns false where nothing changed. For superusers and admin roles, and for an owner or admin of the tenant who is signed in in it: he gives and takes roles that he holds himself, and for him it is committed at once. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 42501, also where a person acts behind an admin role who does not hold the roles everywhere, those that the member had included; 22023 for an unknown role or none; P0002 for an unknown or deleted tenant or user, and for any tenant but that of the transaction; 55000 where the last active owner, or admin where there is no owner, would be none any more.';

CREATE FUNCTION warden.remove_member(tenant_id uuid, user_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN warden.change_membership(remove_member.tenant_id, remove_member.user_id, NULL);
END
$$;

COMMENT ON FUNCTION warden.remove_member(uuid, uuid) IS
    'Ends the membership of a user, felt by its next transaction. Its rows stay in the tenant, where it sees them no more, until it is a member again. Returns false where it was no member. For whom add_member() is for. Errors: 28000 for nobody; 42501, also for a member with a role above one''s own; P0002 for an unknown or deleted tenant, and for any but that of the transaction; 55000 for the last active owner, or admin where there is no owner.';
