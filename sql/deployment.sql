-- What this deployment is: name, plan, settings, features. Tenants have the same, each its own (tenants.sql).

-- Those that ship have rows that are never changed, so that a dump holds what was declared here and no more.
CREATE TABLE warden.setting_names (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind text NOT NULL CHECK (kind IN ('count', 'flag', 'text')),
    shipped boolean NOT NULL DEFAULT false
);

COMMENT ON TABLE warden.setting_names IS
    'The settings that a deployment or a tenant may have. kind: count (an integer from 0 on, null for no limit), flag (true, false), text.';

INSERT INTO warden.setting_names (name, kind, shipped) VALUES
    ('max_users', 'count', true),
    ('max_agents', 'count', true),
    ('storage_quota_gb', 'count', true);

SELECT pg_extension_config_dump('warden.setting_names', 'WHERE NOT shipped');

CREATE TABLE warden.this_deployment (
    name text,
    plan text,
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    features text[] NOT NULL DEFAULT '{}' CHECK (array_position(features, NULL) IS NULL),
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);

COMMENT ON TABLE warden.this_deployment IS
    'What set_deployment() and set_feature() have said; no row until then.';

SELECT pg_extension_config_dump('warden.this_deployment', '');

CREATE FUNCTION warden.define_setting(name text, kind text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known text;
BEGIN
    PERFORM warden.require_admin();
    IF (define_setting.name ~ '^[a-z][a-z0-9_]{0,62}$') IS NOT TRUE THEN
        RAISE EXCEPTION 'name is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 63 lower-case letters, digits and underscores, a letter first.';
    ELSIF define_setting.kind IS NULL OR define_setting.kind NOT IN ('count', 'flag', 'text') THEN
        RAISE EXCEPTION 'unknown kind of setting'
            USING ERRCODE = '22023', HINT = 'A setting is a count, a flag or a text.';
    END IF;
    INSERT INTO warden.setting_names (name, kind) VALUES (define_setting.name, define_setting.kind) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM warden.write_audit('define_setting', define_setting.name, jsonb_build_object('kind', define_setting.kind));
        RETURN true;
    END IF;
    SELECT n.kind INTO known FROM warden.setting_names n WHERE n.name = define_setting.name;
    IF known IS DISTINCT FROM define_setting.kind THEN
        RAISE EXCEPTION 'there is a setting of this name, and of another kind'
            USING ERRCODE = '23505', HINT = 'Choose another name: values that are there would be of the wrong kind.';
    END IF;
    RETURN false;
END
$$;

COMMENT ON FUNCTION warden.define_setting(text, text) IS
    'Declares a setting that the deployment and its tenants may have from now on. name: lower-case letters, digits, underscores; kind: count (an integer from 0 on, or null for no limit), flag (true, false) or text (at most 1000 characters). Returns false where it was declared before. max_users, max_agents and storage_quota_gb are there from the start. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unusable name or kind, 23505 where the name is one of another kind.';

CREATE FUNCTION warden.require_settings(settings jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting record;
BEGIN
    IF (jsonb_typeof(require_settings.settings) = 'object') IS NOT TRUE THEN
        RAISE EXCEPTION 'settings are not an object'
            USING ERRCODE = '22023', HINT = 'Pass names with their values: {"max_users": 25}.';
    END IF;
    FOR setting IN
        SELECT e.key, e.value, n.kind
        FROM jsonb_each(require_settings.settings) e LEFT JOIN warden.setting_names n ON n.name = e.key
        ORDER BY e.key
    LOOP
        IF setting.kind IS NULL THEN
            RAISE EXCEPTION 'unknown setting "%"', left(setting.key, 63)
                USING ERRCODE = '22023', HINT = format('Settings are %s; warden.define_setting() declares more.',
                    (SELECT string_agg(n.name, ', ' ORDER BY n.name) FROM warden.setting_names n));
        ELSIF jsonb_typeof(setting.value) = 'null' THEN
            CONTINUE;
        ELSIF setting.kind = 'count' AND setting.value::text !~ '^(0|[1-9][0-9]{0,17})$' THEN
            RAISE EXCEPTION 'setting "%" is not a count', setting.key
                USING ERRCODE = '22023', HINT = 'Pass an integer from 0 on, or null for no limit.';
        ELSIF setting.kind = 'flag' AND jsonb_typeof(setting.value) <> 'boolean' THEN
            RAISE EXCEPTION 'setting "%" is not a flag', setting.key
                USING ERRCODE = '22023', HINT = 'Pass true or false.';
        ELSIF setting.kind = 'text' AND (jsonb_typeof(setting.value) <> 'string' OR length(setting.value #>> '{}') > 1000) THEN
            RAISE EXCEPTION 'setting "%" is not a text', setting.key
                USING ERRCODE = '22023', HINT = 'Pass a string of at most 1000 characters.';
        END IF;
    END LOOP;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_settings(jsonb) IS
    'Raises 22023 for settings that are not declared, or have a value of another kind; null is one of each kind.';

CREATE FUNCTION warden.require_features(features text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF require_features.features IS NULL OR EXISTS (
        SELECT FROM unnest(require_features.features) AS f (feature) WHERE (f.feature ~ '^[a-z][a-z0-9_-]{0,62}$') IS NOT TRUE)
    THEN
        RAISE EXCEPTION 'name of a feature is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 63 lower-case letters, digits, underscores and hyphens, a letter first.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_features(text[]) IS 'Raises 22023 for what cannot be the name of a feature.';

CREATE FUNCTION warden.require_name_and_plan(name text, plan text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF require_name_and_plan.name ~ '^[[:space:]]*$' OR length(require_name_and_plan.name) > 255
        OR require_name_and_plan.name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'name is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 255 characters without control characters.';
    ELSIF require_name_and_plan.plan ~ '^[[:space:]]*$' OR length(require_name_and_plan.plan) > 63
        OR require_name_and_plan.plan ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'plan is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 63 characters without control characters.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_name_and_plan(text, text) IS
    'Raises 22023 where one of the two cannot be the name or the plan of a deployment or a tenant; NULL is passed by.';

CREATE FUNCTION warden.with_feature(features text[], feature text, enabled boolean) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(array_agg(f.feature ORDER BY f.feature), '{}')
    FROM (SELECT unnest(with_feature.features)
          UNION SELECT with_feature.feature WHERE with_feature.enabled) AS f (feature)
    WHERE with_feature.enabled OR f.feature IS DISTINCT FROM with_feature.feature;
END;

COMMENT ON FUNCTION warden.with_feature(text[], text, boolean) IS 'The features, with the given one or without it.';

CREATE FUNCTION warden.set_deployment(name text DEFAULT NULL, plan text DEFAULT NULL, settings jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_admin();
    PERFORM warden.require_name_and_plan(set_deployment.name, set_deployment.plan);
    PERFORM warden.require_settings(coalesce(set_deployment.settings, '{}'));
    INSERT INTO warden.this_deployment AS d (name, plan, settings)
    VALUES (set_deployment.name, set_deployment.plan, coalesce(set_deployment.settings, '{}'))
    ON CONFLICT (only_one) DO UPDATE
        SET name = coalesce(excluded.name, d.name), plan = coalesce(excluded.plan, d.plan),
            settings = d.settings || excluded.settings;
    PERFORM warden.write_audit('set_deployment', NULL, jsonb_strip_nulls(jsonb_build_object(
        'name', set_deployment.name, 'plan', set_deployment.plan)) || jsonb_build_object('settings', set_deployment.settings));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_deployment(text, text, jsonb) IS
    'Changes what deployment() shows; returns true. name, plan: NULL leaves it; settings: an object whose members replace those of the same name, each of a declared name and kind (define_setting), null for no limit. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold the scope admin; 22023 for an unknown setting and for a value of another kind.';

CREATE FUNCTION warden.deployment() RETURNS TABLE (name text, plan text, settings jsonb, features text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF warden.identity() IS NULL AND NOT warden.client_administers() THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT coalesce(d.name, current_database()), coalesce(d.plan, 'default'), coalesce(d.settings, '{}'), coalesce(d.features, '{}')
    FROM (VALUES (true)) AS o (only_one) LEFT JOIN warden.this_deployment d ON d.only_one = o.only_one;
END
$$;

COMMENT ON FUNCTION warden.deployment() IS
    'This deployment: name (by default the database''s), plan (by default default), settings, features. One row for superusers, admin roles and whoever is signed in, none for nobody. Errors: 28000 where the identity has expired.';
