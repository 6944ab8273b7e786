-- Which database roles may do what with the extension.

CREATE TABLE warden.database_roles (
    role regrole NOT NULL,
    kind text NOT NULL CHECK (kind IN ('client', 'trusted', 'key', 'admin', 'migration')),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role, kind)
);

COMMENT ON TABLE warden.database_roles IS
    'Roles added by add_client_role and its siblings. By number, so that a role dropped and made again is nobody.';

SELECT pg_extension_config_dump('warden.database_roles', '');

CREATE FUNCTION warden.add_database_role(role regrole, kind text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    function regprocedure;
BEGIN
    IF add_database_role.role IS NULL OR add_database_role.role = 0 THEN
        RAISE EXCEPTION 'no role given' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM pg_roles r WHERE r.oid = add_database_role.role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = '22023';
    END IF;
    FOR function IN SELECT warden.functions_for(add_database_role.kind) LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', function, add_database_role.role);
    END LOOP;
    IF add_database_role.kind = 'admin' THEN
        EXECUTE format('GRANT SELECT ON warden.issuers, warden.protected_tables, warden.exempt_tables TO %s', add_database_role.role);
    END IF;
    INSERT INTO warden.database_roles (role, kind) VALUES (add_database_role.role, add_database_role.kind)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF add_database_role.kind IN ('admin', 'migration') THEN
        PERFORM warden.follow_database_roles();
    END IF;
    PERFORM warden.write_audit('add_' || add_database_role.kind || '_role', add_database_role.role::text, '{}');
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.add_database_role(regrole, text) IS
    'What the add_…_role functions share: grants by the list, and records.';

-- Called before anything is looked at: roles added together would each pass a check that their sum
-- fails, and two GRANTs on one function at once are an error (tuple concurrently updated).
CREATE FUNCTION warden.one_role_at_a_time() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE warden.database_roles IN SHARE ROW EXCLUSIVE MODE;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.one_role_at_a_time() IS
    'Waits until no other transaction adds or removes a database role; readers of the list are not held up.';

CREATE FUNCTION warden.add_client_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    PERFORM warden.refuse_obstacles(add_client_role.role);
    IF EXISTS (SELECT FROM warden.database_roles d WHERE d.role = add_client_role.role AND d.kind <> 'client') THEN
        RAISE EXCEPTION 'role % is a trusted, key, admin or migration role already', add_client_role.role
            USING ERRCODE = '55000', HINT = 'Use separate logins for separate duties.';
    END IF;
    RETURN warden.add_database_role(add_client_role.role, 'client');
END
$$;

COMMENT ON FUNCTION warden.add_client_role(regrole) IS
    'Lets a role authenticate its transactions: the pooled login of an application, or a NOLOGIN role that logins become. Returns false where it was added before. For superusers. Errors: 42501; 55000 with every reason where the role, or a login that can become it, would not be bound by row-level security or could take protection away.';

CREATE FUNCTION warden.add_trusted_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    PERFORM warden.refuse_obstacles(add_trusted_role.role);
    PERFORM warden.refuse_client_in_reach_of(add_trusted_role.role);
    RETURN warden.add_database_role(add_trusted_role.role, 'trusted');
END
$$;

COMMENT ON FUNCTION warden.add_trusted_role(regrole) IS
    'Lets a role state whom it acts for (set_current_user, set_current_external_user, set_current_device): a gateway that has verified the user, or has seen the certificate, itself. Returns false where it was added before. For superusers. Errors: 42501; 55000 where row-level security does not bind the role, or a client role can become it.';

CREATE FUNCTION warden.add_key_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    PERFORM warden.refuse_client_in_reach_of(add_key_role.role);
    RETURN warden.add_database_role(add_key_role.role, 'key');
END
$$;

COMMENT ON FUNCTION warden.add_key_role(regrole) IS
    'Lets a role replace the keys of trusted issuers (set_issuer_keys), and nothing else: the job that fetches key sets. Returns false where it was added before. For superusers. Errors: 42501; 55000 where a client role can become it.';

CREATE FUNCTION warden.add_admin_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    PERFORM warden.refuse_client_in_reach_of(add_admin_role.role);
    RETURN warden.add_database_role(add_admin_role.role, 'admin');
END
$$;

COMMENT ON FUNCTION warden.add_admin_role(regrole) IS
    'Lets a role administer users and issuers, read the whole audit log, and open protected tables by begin_admin(); it widens no query outside of that, and grants no privilege on a table. Returns false where it was added before. For superusers. Errors: 42501; 55000 where a client role can become it.';

CREATE FUNCTION warden.add_migration_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    PERFORM warden.refuse_client_in_reach_of(add_migration_role.role);
    RETURN warden.add_database_role(add_migration_role.role, 'migration');
END
$$;

COMMENT ON FUNCTION warden.add_migration_role(regrole) IS
    'Lets a role open protected tables by begin_admin(), and nothing else: a nightly job, or a login that runs migrations and is not the owner of the tables, who may as it is. Outside of begin_admin() it is refused where row-level security would hide a row from it. It grants no privilege on a table. Returns false where it was added before. For superusers. Errors: 42501; 55000 where a client role can become it.';

CREATE FUNCTION warden.refuse_client_in_reach_of(role regrole) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    client regrole;
BEGIN
    SELECT d.role INTO client FROM warden.database_roles d
    WHERE d.kind = 'client'
      AND refuse_client_in_reach_of.role::oid IN (SELECT warden.roles_within_reach(d.role))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'client role % can become %', client, refuse_client_in_reach_of.role
            USING ERRCODE = '55000', HINT = 'Use separate logins for separate duties.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.refuse_client_in_reach_of(regrole) IS
    'Raises 55000 where a client role is, or can become, the given one.';

CREATE FUNCTION warden.remove_database_role(role regrole) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    function regprocedure;
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    DELETE FROM warden.database_roles d WHERE d.role = remove_database_role.role;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM pg_roles r WHERE r.oid = remove_database_role.role) THEN
        FOR function IN
            SELECT DISTINCT f.function
            FROM unnest('{client,trusted,key,admin,migration}'::text[]) AS k (kind)
            CROSS JOIN LATERAL warden.functions_for(k.kind) AS f (function)
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', function, remove_database_role.role);
        END LOOP;
        EXECUTE format('REVOKE ALL ON warden.issuers, warden.protected_tables, warden.exempt_tables FROM %s', remove_database_role.role);
    END IF;
    PERFORM warden.follow_database_roles();
    PERFORM warden.write_audit('remove_database_role', remove_database_role.role::text, '{}');
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.remove_database_role(regrole) IS
    'Takes back everything that add_client_role and its siblings gave a role; do it before DROP ROLE. Returns false where it had nothing. For superusers. Errors: 42501.';
