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

-- The list by which EXECUTE is granted; nothing else grants it, except to PUBLIC in grants.sql.
CREATE FUNCTION warden.functions_for(kind text) RETURNS SETOF regprocedure
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.function
    FROM (VALUES
        ('{client,trusted}', 'warden.authenticate(text,inet,uuid)'::regprocedure),
        ('{client,trusted}', 'warden.pre_request()'),
        ('{client,trusted}', 'warden.verify_token(text)'),
        ('{client,trusted}', 'warden.sign_out()'),
        ('{client,trusted}', 'warden.act_as(uuid,text)'),
        ('{client,trusted}', 'warden.login(text,text,inet,text,text,text[])'),
        ('{client,trusted}', 'warden.refresh(text,text[])'),
        ('{client,trusted}', 'warden.logout(text)'),
        ('{client,trusted}', 'warden.exchange_token(text,text[],interval)'),
        ('{client,trusted,admin}', 'warden.set_password(uuid,text,text)'),
        ('{trusted,admin}', 'warden.setup_owner(text,text,text)'),
        ('{client,trusted,admin}', 'warden.record_event(text,text,jsonb,boolean)'),
        ('{trusted}', 'warden.set_current_user(uuid,uuid,inet)'),
        ('{trusted}', 'warden.set_current_external_user(text,uuid,inet)'),
        ('{key,admin}', 'warden.set_issuer_keys(text,text)'),
        ('{admin}', 'warden.trust_issuer(text,text,text[],text[],text,text,jsonb,interval,boolean,boolean,text)'),
        ('{admin}', 'warden.distrust_issuer(text)'),
        ('{admin}', 'warden.explain_token(text)'),
        ('{client,trusted,admin}', 'warden.jwks()'),
        ('{admin}', 'warden.rotate_signing_key(text,interval)'),
        ('{client,trusted,admin}', 'warden.list_sessions(uuid,boolean,int,uuid,boolean)'),
        ('{client,trusted,admin}', 'warden.find_session(uuid)'),
        ('{client,trusted,admin}', 'warden.revoke_session(uuid)'),
        ('{client,trusted,admin}', 'warden.revoke_all_sessions(uuid,boolean,boolean)'),
        ('{client,trusted,admin}', 'warden.create_api_key(text,text[],timestamptz,uuid)'),
        ('{client,trusted,admin}', 'warden.list_api_keys(uuid)'),
        ('{client,trusted,admin}', 'warden.revoke_api_key(uuid)'),
        ('{client,trusted,admin}', 'warden.register_agent(text,uuid,text[],boolean,text,uuid)'),
        ('{client,trusted,admin}', 'warden.set_agent_status(uuid,text)'),
        ('{client,trusted,admin}', 'warden.set_agent_scopes(uuid,text[])'),
        ('{client,trusted,admin}', 'warden.set_agent_capability(uuid,text,boolean)'),
        ('{client,trusted,admin}', 'warden.list_agents(uuid,text,int,uuid)'),
        ('{admin}', 'warden.revoke_token(text,text,timestamptz)'),
        ('{admin}', 'warden.cleanup_sessions(interval,int,boolean)'),
        ('{admin}', 'warden.create_user(text,text,text,uuid,text,text,text)'),
        ('{admin}', 'warden.create_user_if_absent(text,text,text,text,text)'),
        ('{admin}', 'warden.create_service_account(text,text)'),
        ('{admin}', 'warden.find_user(text)'),
        ('{admin}', 'warden.list_users(text,text,text,interval,int,uuid,boolean)'),
        ('{admin}', 'warden.search_users(text,int,int)'),
        ('{admin}', 'warden.update_user(uuid,text,text,text,text,text,boolean,boolean,boolean)'),
        ('{admin}', 'warden.set_user_status(uuid,text)'),
        ('{admin}', 'warden.set_user_private(uuid,boolean)'),
        ('{client,trusted,admin}', 'warden.explain_entity(text,text,uuid)'),
        ('{admin}', 'warden.declare_entity(text,text,boolean)'),
        ('{admin}', 'warden.remove_entity(text,text)'),
        ('{admin}', 'warden.add_entity_parent(text,text,text,text)'),
        ('{admin}', 'warden.remove_entity_parent(text,text,text,text)'),
        ('{admin}', 'warden.set_entity_rule(text,text,text,text,uuid,text)'),
        ('{admin}', 'warden.remove_entity_rule(text,text,uuid,text)'),
        ('{admin}', 'warden.list_entities(text,int,int)'),
        ('{admin}', 'warden.list_entity_rules(text,text,uuid,text,int,int)'),
        ('{admin}', 'warden.delete_user(uuid)'),
        ('{admin}', 'warden.restore_user(uuid)'),
        ('{admin}', 'warden.promote_user(uuid)'),
        ('{admin}', 'warden.demote_user(uuid)'),
        ('{admin}', 'warden.assign_role(uuid,text)'),
        ('{admin}', 'warden.revoke_role(uuid,text)'),
        ('{admin}', 'warden.grant_scope(uuid,text)'),
        ('{admin}', 'warden.revoke_scope(uuid,text)'),
        ('{admin}', 'warden.define_role(text,text[],boolean)'),
        ('{admin}', 'warden.define_scope(text,text[],boolean)'),
        ('{admin}', 'warden.register_client(text,text[])'),
        ('{admin}', 'warden.unregister_client(text)'),
        ('{admin}', 'warden.count_users(text,text,text,interval)'),
        ('{admin}', 'warden.user_stats()'),
        ('{admin}', 'warden.bulk_update_users(text,text,text,text,interval,int,boolean)'),
        ('{admin}', 'warden.bulk_delete_users(text,text,text,interval,int,boolean)'),
        ('{admin}', 'warden.export_users(text,text,text,interval)'),
        ('{admin}', 'warden.link_identity(uuid,text,text)'),
        ('{trusted,admin}', 'warden.create_anonymous_user(text)'),
        ('{admin}', 'warden.merge_users(uuid,uuid,text)'),
        ('{admin}', 'warden.promote_anonymous(uuid,uuid,text)'),
        ('{admin}', 'warden.settle_departures()'),
        ('{admin}', 'warden.erase_user(uuid,text,uuid)'),
        ('{admin}', 'warden.cleanup_anonymous_users(interval,int,boolean,text)'),
        ('{admin}', 'warden.user_activity(uuid)'),
        ('{admin}', 'warden.ban_ip(inet,text,text,text,text,text,text,text,boolean,boolean)'),
        ('{admin}', 'warden.ban_ip(inet,interval,text,text,text,text,text,text,boolean,boolean)'),
        ('{admin}', 'warden.unban_ip(inet)'),
        ('{admin}', 'warden.get_ban(inet)'),
        ('{admin}', 'warden.list_ban_history(inet,int)'),
        ('{admin}', 'warden.list_bans(text,text,int,int,boolean)'),
        ('{admin}', 'warden.count_bans(text,text)'),
        ('{admin}', 'warden.cleanup_bans(int,boolean)'),
        ('{trusted,admin}', 'warden.is_banned(inet)'),
        ('{client,trusted,admin}', 'warden.deployment()'),
        ('{client,trusted,admin}', 'warden.has_feature(text)'),
        ('{client,trusted,admin}', 'warden.list_tenants(text,int,uuid)'),
        ('{client,trusted,admin}', 'warden.find_tenant(uuid)'),
        ('{client,trusted,admin}', 'warden.list_members(uuid,int,uuid)'),
        ('{client,trusted,admin}', 'warden.add_member(uuid,uuid,text[])'),
        ('{client,trusted,admin}', 'warden.remove_member(uuid,uuid)'),
        ('{client,trusted,admin}', 'warden.create_invite(text,text,uuid,text[],boolean,interval,uuid)'),
        ('{client,trusted,admin}', 'warden.list_invites(uuid,text,int,uuid)'),
        ('{client,trusted,admin}', 'warden.revoke_invite(uuid)'),
        ('{client,trusted}', 'warden.redeem_invite(text,text,text,text,text,text,uuid,inet)'),
        ('{admin}', 'warden.create_tenant(text,text,jsonb,text[],uuid)'),
        ('{admin}', 'warden.update_tenant(uuid,text,text)'),
        ('{admin}', 'warden.set_tenant_setting(uuid,text,jsonb)'),
        ('{admin}', 'warden.set_tenant_status(uuid,text)'),
        ('{admin}', 'warden.set_feature(text,boolean,uuid)'),
        ('{admin}', 'warden.set_deployment(text,text,jsonb)'),
        ('{admin}', 'warden.define_setting(text,text)'),
        ('{client,trusted,admin}', 'warden.share_with(regclass,text,text,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.share(regclass,text,uuid,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.unshare_with(regclass,text,text)'),
        ('{client,trusted,admin}', 'warden.unshare(regclass,text,uuid)'),
        ('{client,trusted,admin}', 'warden.accept_share(uuid)'),
        ('{client,trusted,admin}', 'warden.decline_share(uuid)'),
        ('{client,trusted,admin}', 'warden.transfer(regclass,text,uuid,text)'),
        ('{admin}', 'warden.assign(regclass,text,uuid,text,timestamptz)'),
        ('{admin}', 'warden.cleanup_shares()'),
        ('{client,trusted,admin}', 'warden.share(regclass,uuid,uuid,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.share_with(regclass,uuid,text,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.unshare(regclass,uuid,uuid)'),
        ('{client,trusted,admin}', 'warden.unshare_with(regclass,uuid,text)'),
        ('{client,trusted,admin}', 'warden.transfer(regclass,uuid,uuid,text)'),
        ('{admin}', 'warden.assign(regclass,uuid,uuid,text,timestamptz)'),
        ('{client,trusted,admin}', 'warden.share(regclass,bigint,uuid,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.share_with(regclass,bigint,text,text,timestamptz,boolean)'),
        ('{client,trusted,admin}', 'warden.unshare(regclass,bigint,uuid)'),
        ('{client,trusted,admin}', 'warden.unshare_with(regclass,bigint,text)'),
        ('{client,trusted,admin}', 'warden.transfer(regclass,bigint,uuid,text)'),
        ('{admin}', 'warden.assign(regclass,bigint,uuid,text,timestamptz)'),
        ('{client,trusted,admin}', 'warden.access_level(regclass,text)'),
        ('{client,trusted,admin}', 'warden.can(regclass,text,text)'),
        ('{client,trusted,admin}', 'warden.require_access(regclass,text,text)'),
        ('{client,trusted,admin}', 'warden.list_shares(regclass,text)'),
        ('{client,trusted,admin}', 'warden.who_can(regclass,text,text)'),
        ('{client,trusted,admin}', 'warden.shared_with_me()'),
        ('{client,trusted,admin}', 'warden.explain_access(regclass,text,uuid)'),
        ('{client,trusted,admin}', 'warden.access_level(regclass,uuid)'),
        ('{client,trusted,admin}', 'warden.can(regclass,uuid,text)'),
        ('{client,trusted,admin}', 'warden.require_access(regclass,uuid,text)'),
        ('{client,trusted,admin}', 'warden.list_shares(regclass,uuid)'),
        ('{client,trusted,admin}', 'warden.who_can(regclass,uuid,text)'),
        ('{client,trusted,admin}', 'warden.explain_access(regclass,uuid,uuid)'),
        ('{client,trusted,admin}', 'warden.access_level(regclass,bigint)'),
        ('{client,trusted,admin}', 'warden.can(regclass,bigint,text)'),
        ('{client,trusted,admin}', 'warden.require_access(regclass,bigint,text)'),
        ('{client,trusted,admin}', 'warden.list_shares(regclass,bigint)'),
        ('{client,trusted,admin}', 'warden.who_can(regclass,bigint,text)'),
        ('{client,trusted,admin}', 'warden.explain_access(regclass,bigint,uuid)'),
        ('{admin}', 'warden.sync_users(regclass,text,text,text,boolean,boolean)')
    ) AS f (kinds, function)
    WHERE functions_for.kind = ANY (f.kinds::text[]);
END;

COMMENT ON FUNCTION warden.functions_for(text) IS
    'The functions that a role added as client, trusted, key or admin may execute (a migration role: none), beyond those that PUBLIC may.';

CREATE FUNCTION warden.owner_functions() RETURNS regprocedure[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN ARRAY['warden.current_user_id()', 'warden.current_tenant_id()', 'warden.current_external_id()',
             'warden.current_external_number()', 'warden.lending_user_id(text)', 'warden.lending_external_id(text)',
             'warden.lending_external_number(text)']::pg_catalog.regprocedure[];

COMMENT ON FUNCTION warden.owner_functions() IS
    'What policies compare owners with. Everybody may call them, and Postgres looks that up twice in each query on a protected table: faster where a function has no list of privileges, so they have one only where default privileges gave them one.';

-- Every role whose rights the given one can take on, itself included: from 16 on a membership can be
-- without SET and without INHERIT, and is then no way in.
CREATE FUNCTION warden.roles_within_reach(role regrole) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RETURN QUERY EXECUTE
            'WITH RECURSIVE reach AS (
                 SELECT $1::oid AS roleid
                 UNION SELECT m.roleid FROM pg_auth_members m JOIN reach r ON m.member = r.roleid)
             SELECT roleid FROM reach' USING roles_within_reach.role;
    ELSE
        RETURN QUERY EXECUTE
            'WITH RECURSIVE reach AS (
                 SELECT $1::oid AS roleid
                 UNION SELECT m.roleid FROM pg_auth_members m JOIN reach r ON m.member = r.roleid
                 WHERE m.set_option OR m.inherit_option OR m.admin_option)
             SELECT roleid FROM reach' USING roles_within_reach.role;
    END IF;
END
$$;

COMMENT ON FUNCTION warden.roles_within_reach(regrole) IS
    'The given role and every role whose rights it can take on by membership.';

-- The first step of each way is closed, not the last: what another role may become is not ours to change
-- (pg_monitor without pg_read_all_stats would be broken for the whole cluster).
CREATE FUNCTION warden.revoke_membership(role oid, member oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('REVOKE %s FROM %s%s CASCADE;', m.roleid::regrole, m.member::regrole,
                             -- From 16 on each grantor's grant is one of its own; before, the grantor may be gone.
                             (SELECT ' GRANTED BY ' || g.oid::regrole FROM pg_roles g WHERE g.oid = m.grantor)),
                      E'\n' ORDER BY m.roleid)
    FROM pg_auth_members m
    WHERE m.member = revoke_membership.member
      AND revoke_membership.role IN (SELECT warden.roles_within_reach(m.roleid::regrole))
$$;

COMMENT ON FUNCTION warden.revoke_membership(oid, oid) IS
    'The statements after which the second role cannot become the first any more; nothing else is taken from any other role.';

CREATE FUNCTION warden.role_out_of_reach() RETURNS regrole
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT d.datdba FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
         WHERE d.datname = current_database() AND NOT EXISTS (
            SELECT FROM warden.database_roles k CROSS JOIN LATERAL warden.roles_within_reach(k.role) AS w (role)
            WHERE k.kind IN ('client', 'trusted') AND w.role = d.datdba)),
        (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'warden'))::regrole;
END;

COMMENT ON FUNCTION warden.role_out_of_reach() IS
    'A role that may own what no client may own: the owner of the database, or that of the extension where a client can become the former.';

-- Why a role would void isolation, one row a reason; empty for a role that may be a client.
CREATE FUNCTION warden.isolation_obstacles(role regrole) RETURNS TABLE (code text, reason text, remedy text, mend text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH logins AS (
        -- The role itself, and every login that can become it: PostgREST's authenticator, say.
        SELECT isolation_obstacles.role::oid AS login
        UNION
        SELECT a.oid FROM pg_authid a
        WHERE a.rolcanlogin
          AND (pg_has_role(a.oid, isolation_obstacles.role, 'USAGE')
               OR pg_has_role(a.oid, isolation_obstacles.role,
                      CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END))
          -- A superuser can become anybody; it counts as a login of this role only where it was made one.
          AND (NOT a.rolsuper OR EXISTS (
                SELECT FROM pg_auth_members m WHERE m.member = a.oid AND m.roleid = isolation_obstacles.role))
    ), reach AS (
        SELECT DISTINCT l.login, r.role AS reached
        FROM logins l CROSS JOIN LATERAL warden.roles_within_reach(l.login::regrole) AS r (role)
    ), named AS (
        SELECT r.login, r.reached,
               CASE WHEN r.login = r.reached THEN format('role %I', a.rolname)
                    ELSE format('role %I can become %I, which', l.rolname, a.rolname) END AS subject,
               -- The way to what the role can become is closed; another role's rights are not ours to change,
               -- and those of the cluster's first superuser cannot be.
               CASE WHEN r.login <> r.reached THEN warden.revoke_membership(r.reached, r.login)
                    WHEN a.oid = 10 AND r.login <> isolation_obstacles.role::oid
                        THEN warden.revoke_membership(isolation_obstacles.role, r.login) END AS parting,
               a.*
        FROM reach r
        JOIN pg_authid a ON a.oid = r.reached
        JOIN pg_authid l ON l.oid = r.login
    )
    SELECT o.code, n.subject || ' ' || o.what, o.remedy,
           coalesce(n.parting, o.mend, warden.revoke_membership(isolation_obstacles.role, n.login))
    FROM named n
    CROSS JOIN LATERAL (VALUES
        ('client_is_superuser', n.rolsuper, 'is a superuser, whom row-level security does not bind',
            format('ALTER ROLE %I NOSUPERUSER, or use another login.', n.rolname),
            format('ALTER ROLE %I NOSUPERUSER;', n.rolname)),
        ('client_bypasses_row_security', n.rolbypassrls, 'has BYPASSRLS, so row-level security does not bind it',
            format('ALTER ROLE %I NOBYPASSRLS.', n.rolname),
            format('ALTER ROLE %I NOBYPASSRLS;', n.rolname)),
        ('client_makes_roles', n.rolcreaterole, 'has CREATEROLE, with which it can enter the roles that own tables',
            format('ALTER ROLE %I NOCREATEROLE.', n.rolname),
            format('ALTER ROLE %I NOCREATEROLE;', n.rolname)),
        ('client_replicates', n.rolreplication, 'has REPLICATION, with which it can read every row of the cluster',
            format('ALTER ROLE %I NOREPLICATION.', n.rolname),
            format('ALTER ROLE %I NOREPLICATION;', n.rolname)),
        ('client_reaches_server', n.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'),
            'reaches the files or programs of the server',
            format('REVOKE %I from it.', n.rolname), NULL),
        ('client_reaches_all_tables', n.rolname IN ('pg_read_all_data', 'pg_write_all_data'),
            'reaches every table, those of pg_warden with keys and users among them',
            format('REVOKE %I from it.', n.rolname), NULL),
        ('client_has_other_duty', EXISTS (SELECT FROM warden.database_roles d WHERE d.role = n.reached AND d.kind <> 'client'
                 AND d.role <> isolation_obstacles.role),
            'was added as a trusted, key, admin or migration role',
            'A client must not be able to state an identity or change keys: use separate logins.', NULL),
        ('client_owns_table',
            EXISTS (SELECT FROM warden.protections p JOIN pg_class c ON c.oid = p.relation WHERE c.relowner = n.reached),
            'owns a protected table, and an owner can take its protection away',
            'ALTER TABLE … OWNER TO a role the client cannot become.', NULL),
        ('client_owns_database',
            EXISTS (SELECT FROM pg_database d WHERE d.datname = current_database() AND d.datdba = n.reached),
            'owns this database',
            format('ALTER DATABASE %I OWNER TO a role the client cannot become.', current_database()),
            format('ALTER DATABASE %I OWNER TO %s;', current_database(), warden.role_out_of_reach()))
    ) AS o (code, holds, what, remedy, mend)
    WHERE o.holds;
END
$$;

COMMENT ON FUNCTION warden.isolation_obstacles(regrole) IS
    'Why a role, or a login that can become it, would void isolation: one row a reason, as a code of doctor(), with the remedy in words and as SQL. No row: it may be a client.';

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
DECLARE
    reasons text;
    remedies text;
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    SELECT string_agg(o.reason, '; ' ORDER BY o.reason), string_agg(DISTINCT o.remedy, ' ')
    INTO reasons, remedies
    FROM warden.isolation_obstacles(add_client_role.role) o;
    IF reasons IS NOT NULL THEN
        RAISE EXCEPTION 'role % would void isolation', add_client_role.role
            USING ERRCODE = '55000', DETAIL = reasons, HINT = remedies;
    END IF;
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
DECLARE
    reasons text;
    remedies text;
BEGIN
    PERFORM warden.require_superuser();
    PERFORM warden.one_role_at_a_time();
    SELECT string_agg(o.reason, '; ' ORDER BY o.reason), string_agg(DISTINCT o.remedy, ' ')
    INTO reasons, remedies
    FROM warden.isolation_obstacles(add_trusted_role.role) o;
    IF reasons IS NOT NULL THEN
        RAISE EXCEPTION 'role % would void isolation', add_trusted_role.role
            USING ERRCODE = '55000', DETAIL = reasons, HINT = remedies;
    END IF;
    PERFORM warden.refuse_client_in_reach_of(add_trusted_role.role);
    RETURN warden.add_database_role(add_trusted_role.role, 'trusted');
END
$$;

COMMENT ON FUNCTION warden.add_trusted_role(regrole) IS
    'Lets a role state whom it acts for (set_current_user, set_current_external_user): a gateway that has verified the user itself. Returns false where it was added before. For superusers. Errors: 42501; 55000 where row-level security does not bind the role, or a client role can become it.';

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
