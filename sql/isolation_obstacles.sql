-- What would void isolation if a role were a client.

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

CREATE FUNCTION warden.refuse_obstacles(role regrole) RETURNS regrole
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reasons text;
    remedies text;
BEGIN
    SELECT string_agg(o.reason, '; ' ORDER BY o.reason), string_agg(DISTINCT o.remedy, ' ')
    INTO reasons, remedies
    FROM warden.isolation_obstacles(refuse_obstacles.role) o;
    IF reasons IS NOT NULL THEN
        RAISE EXCEPTION 'role % would void isolation', refuse_obstacles.role
            USING ERRCODE = '55000', DETAIL = reasons, HINT = remedies;
    END IF;
    RETURN refuse_obstacles.role;
END
$$;

COMMENT ON FUNCTION warden.refuse_obstacles(regrole) IS
    'The role, where there is no reason against it in isolation_obstacles(). Not callable by clients. Errors: 55000 with every reason.';
