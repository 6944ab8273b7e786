-- Tenants of this deployment, and who belongs to them. As long as there is none, nobody sees the word.

CREATE TABLE warden.tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 255 AND name !~ '[[:cntrl:]]'),
    plan text NOT NULL DEFAULT 'default' CHECK (plan <> '' AND length(plan) <= 63 AND plan !~ '[[:cntrl:]]'),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'deleted')),
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    features text[] NOT NULL DEFAULT '{}' CHECK (array_position(features, NULL) IS NULL),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    members_changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A deleted tenant frees its name.
CREATE UNIQUE INDEX tenants_name_key ON warden.tenants (name) WHERE status <> 'deleted';
CREATE INDEX tenants_newest_idx ON warden.tenants (created_at DESC, id DESC) WHERE status <> 'deleted';

COMMENT ON TABLE warden.tenants IS
    'Tenants. Nobody acts in one that is not active; every authentication that names a tenant reads this table anew, once there is a row.';
COMMENT ON COLUMN warden.tenants.settings IS 'Each of a name and kind in warden.setting_names.';
COMMENT ON COLUMN warden.tenants.members_changed_at IS
    'Written whenever members change: of two changes at once the second meets the first, in any isolation level.';

CREATE TABLE warden.tenant_members (
    tenant_id uuid NOT NULL,
    -- No foreign keys, as for warden.issuer_keys: pg_restore -j would fail on them.
    user_id uuid NOT NULL,
    roles text[] NOT NULL CHECK (roles <> '{}' AND array_position(roles, NULL) IS NULL),
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, user_id)
);

CREATE INDEX tenant_members_user_id_idx ON warden.tenant_members (user_id);
CREATE INDEX tenant_members_added_at_idx ON warden.tenant_members (tenant_id, added_at, user_id);

COMMENT ON TABLE warden.tenant_members IS
    'Who may act in which tenant, with what roles there, beside those that the user has everywhere.';

SELECT pg_extension_config_dump('warden.tenants', '');
SELECT pg_extension_config_dump('warden.tenant_members', '');

-- Backends keep that there are none; of those that there are, they keep nothing.
CREATE TRIGGER rows_changed AFTER INSERT ON warden.tenants
    FOR EACH ROW EXECUTE FUNCTION warden.rows_changed();
ALTER TABLE warden.tenants ENABLE ALWAYS TRIGGER rows_changed;

CREATE FUNCTION warden.keep_tenant_id() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the id of a tenant does not change' USING ERRCODE = '55000', HINT = 'It stands in the rows of the tenant.';
END
$$;

COMMENT ON FUNCTION warden.keep_tenant_id() IS 'Trigger of the tenants: their ids do not change, whatever statement tries. Errors: 55000.';

CREATE TRIGGER keep_tenant_id BEFORE UPDATE ON warden.tenants
    FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION warden.keep_tenant_id();

CREATE FUNCTION warden.forget_memberships() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.tenant_members m WHERE m.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_memberships() IS
    'Trigger of the users: who is deleted for good is a member of nothing.';

CREATE TRIGGER forget_memberships AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_memberships();

CREATE FUNCTION warden.refuse_taken_tenant(name text, id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM warden.tenants n WHERE n.name = refuse_taken_tenant.name AND n.status <> 'deleted'
               AND n.id IS DISTINCT FROM refuse_taken_tenant.id) THEN
        RAISE EXCEPTION 'a tenant with this name exists' USING ERRCODE = '23505', HINT = 'Choose another name.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.refuse_taken_tenant(text, uuid) IS
    'Raises 23505 where another tenant than the one with this id has the name.';

CREATE FUNCTION warden.create_tenant(
    name text,
    plan text DEFAULT 'default',
    settings jsonb DEFAULT '{}',
    features text[] DEFAULT '{}',
    id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    created uuid;
BEGIN
    PERFORM warden.require_admin();
    IF create_tenant.name IS NULL OR create_tenant.plan IS NULL THEN
        RAISE EXCEPTION 'a tenant needs a name and a plan' USING ERRCODE = '22023';
    END IF;
    PERFORM warden.require_name_and_plan(create_tenant.name, create_tenant.plan);
    PERFORM warden.require_settings(create_tenant.settings);
    PERFORM warden.require_features(create_tenant.features);
    PERFORM warden.refuse_taken_tenant(create_tenant.name, NULL);
    INSERT INTO warden.tenants AS n (id, name, plan, settings, features)
    VALUES (coalesce(create_tenant.id, gen_random_uuid()), create_tenant.name, create_tenant.plan, create_tenant.settings,
            warden.with_feature(create_tenant.features, NULL, false))
    ON CONFLICT DO NOTHING
    RETURNING n.id INTO created;
    IF created IS NULL THEN
        PERFORM warden.refuse_taken_tenant(create_tenant.name, NULL);
        RAISE EXCEPTION 'a tenant with this id exists' USING ERRCODE = '23505', HINT = 'Leave id out for a new one.';
    END IF;
    PERFORM warden.write_audit('create_tenant', created::text,
        jsonb_build_object('name', create_tenant.name, 'plan', create_tenant.plan));
    RETURN created;
END
$$;

COMMENT ON FUNCTION warden.create_tenant(text, text, jsonb, text[], uuid) IS
    'Creates an active tenant without members, and returns its id, which never changes. name: no other tenant''s; plan: any word; settings: as set_tenant_setting(); features: as set_feature(). From the first tenant on, whoever names a tenant has to be a member of it, also by a token. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unusable name, plan or feature, an unknown setting, or a value of another kind; 23505 where id or name is taken.';

CREATE FUNCTION warden.locked_tenant(tenant_id uuid) RETURNS warden.tenants
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant warden.tenants;
BEGIN
    SELECT n.* INTO tenant FROM warden.tenants n
    WHERE n.id = locked_tenant.tenant_id AND n.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'P0002';
    END IF;
    RETURN tenant;
END
$$;

COMMENT ON FUNCTION warden.locked_tenant(uuid) IS
    'The tenant, held until the transaction ends. Raises P0002 for an unknown or deleted one.';

CREATE FUNCTION warden.update_tenant(tenant_id uuid, name text DEFAULT NULL, plan text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant warden.tenants;
BEGIN
    PERFORM warden.require_admin();
    PERFORM warden.require_name_and_plan(update_tenant.name, update_tenant.plan);
    tenant := warden.locked_tenant(update_tenant.tenant_id);
    IF coalesce(update_tenant.name, tenant.name) = tenant.name AND coalesce(update_tenant.plan, tenant.plan) = tenant.plan THEN
        RETURN false;
    END IF;
    PERFORM warden.refuse_taken_tenant(update_tenant.name, tenant.id);
    UPDATE warden.tenants n
    SET name = coalesce(update_tenant.name, n.name), plan = coalesce(update_tenant.plan, n.plan), updated_at = clock_timestamp()
    WHERE n.id = tenant.id;
    PERFORM warden.write_audit('update_tenant', tenant.id::text,
        jsonb_strip_nulls(jsonb_build_object('name', update_tenant.name, 'plan', update_tenant.plan)));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.update_tenant(uuid, text, text) IS
    'Changes name or plan of a tenant; NULL leaves it. Returns false where nothing changed. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for what cannot be used; P0002 for an unknown or deleted tenant, 23505 where the name is another''s.';

CREATE FUNCTION warden.set_tenant_setting(tenant_id uuid, key text, value jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant warden.tenants;
    changed jsonb;
BEGIN
    PERFORM warden.require_admin();
    IF set_tenant_setting.key IS NULL THEN
        RAISE EXCEPTION 'no setting given' USING ERRCODE = '22023';
    END IF;
    changed := jsonb_build_object(set_tenant_setting.key, coalesce(set_tenant_setting.value, 'null'));
    PERFORM warden.require_settings(changed);
    tenant := warden.locked_tenant(set_tenant_setting.tenant_id);
    IF tenant.settings @> changed THEN
        RETURN false;
    END IF;
    UPDATE warden.tenants n SET settings = n.settings || changed, updated_at = clock_timestamp() WHERE n.id = tenant.id;
    PERFORM warden.write_audit('set_tenant_setting', tenant.id::text,
        jsonb_build_object('from', tenant.settings -> set_tenant_setting.key, 'to', changed));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_tenant_setting(uuid, text, jsonb) IS
    'Gives a tenant a setting: max_users, max_agents or storage_quota_gb, each an integer from 0 on, or another that define_setting() has declared; null for no limit. Returns false where it had this value. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unknown setting or a value of another kind, P0002 for an unknown or deleted tenant.';

CREATE FUNCTION warden.set_tenant_status(tenant_id uuid, status text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant warden.tenants;
BEGIN
    PERFORM warden.require_admin();
    IF set_tenant_status.status IS NULL OR set_tenant_status.status NOT IN ('active', 'suspended', 'deleted') THEN
        RAISE EXCEPTION 'unknown status of a tenant'
            USING ERRCODE = '22023', HINT = 'A tenant is active, suspended or deleted.';
    END IF;
    SELECT n.* INTO tenant FROM warden.tenants n WHERE n.id = set_tenant_status.tenant_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'P0002';
    ELSIF tenant.status = set_tenant_status.status THEN
        RETURN false;
    END IF;
    IF tenant.status = 'deleted' THEN
        PERFORM warden.refuse_taken_tenant(tenant.name, tenant.id);
    END IF;
    UPDATE warden.tenants n SET status = set_tenant_status.status, updated_at = clock_timestamp() WHERE n.id = tenant.id;
    PERFORM warden.write_audit('set_tenant_status', tenant.id::text,
        jsonb_build_object('from', tenant.status, 'to', set_tenant_status.status));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_tenant_status(uuid, text) IS
    'Changes the status of a tenant, felt by the next transaction of each member. active; suspended: nobody acts in it; deleted: nor does any other function find it, its name is free, its rows stay, and this function brings it back. Returns false where it had this status. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unknown status, P0002 for an unknown tenant, 23505 where the name of a deleted one is another''s by now.';

CREATE FUNCTION warden.set_feature(feature text, enabled boolean DEFAULT true, tenant_id uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant warden.tenants;
    before text[];
    after text[];
BEGIN
    PERFORM warden.require_admin();
    PERFORM warden.require_features(ARRAY[set_feature.feature]);
    IF set_feature.enabled IS NULL THEN
        RAISE EXCEPTION 'enabled is neither true nor false' USING ERRCODE = '22023';
    ELSIF set_feature.tenant_id IS NULL THEN
        INSERT INTO warden.this_deployment DEFAULT VALUES ON CONFLICT DO NOTHING;
        SELECT d.features INTO before FROM warden.this_deployment d FOR UPDATE;
    ELSE
        tenant := warden.locked_tenant(set_feature.tenant_id);
        before := tenant.features;
    END IF;
    after := warden.with_feature(before, set_feature.feature, set_feature.enabled);
    IF after @> before AND before @> after THEN
        RETURN false;
    ELSIF tenant.id IS NULL THEN
        UPDATE warden.this_deployment d SET features = after;
    ELSE
        UPDATE warden.tenants n SET features = after, updated_at = clock_timestamp() WHERE n.id = tenant.id;
    END IF;
    PERFORM warden.write_audit('set_feature', tenant.id::text,
        jsonb_build_object('feature', set_feature.feature, 'enabled', set_feature.enabled));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_feature(text, boolean, uuid) IS
    'Switches a feature on or off, as has_feature() answers it: of a tenant, or with tenant_id NULL of the deployment. feature: a name of lower-case letters, digits, underscores and hyphens. Returns false where it was so before. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unusable name, P0002 for an unknown or deleted tenant.';

CREATE FUNCTION warden.has_feature(feature text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current_tenant uuid := warden.identity() ->> 'tenant_id';
    features text[];
BEGIN
    -- A tenant that the issuer names, in a deployment that has none, has the features of the deployment.
    IF current_tenant IS NOT NULL AND EXISTS (SELECT FROM warden.tenants) THEN
        SELECT n.features INTO features FROM warden.tenants n WHERE n.id = current_tenant;
    ELSE
        SELECT d.features INTO features FROM warden.this_deployment d;
    END IF;
    RETURN coalesce(has_feature.feature = ANY (features), false);
END
$$;

COMMENT ON FUNCTION warden.has_feature(text) IS
    'Whether the tenant that the transaction acts in has the feature, or without a tenant the deployment; false for an unknown feature and for NULL. Errors: 28000 where the identity has expired.';
