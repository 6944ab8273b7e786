-- The door for owners, admins and migrations: begin_admin(), in src/door.rs, and what the policy of
-- their roles asks.

CREATE FUNCTION warden.may_open_door(role oid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
            SELECT FROM warden.database_roles d JOIN pg_roles r ON r.oid = d.role
            WHERE d.kind IN ('admin', 'migration') AND pg_has_role(may_open_door.role, d.role, 'USAGE'))
        OR EXISTS (
            SELECT FROM warden.protections p JOIN pg_class c ON c.oid = p.relation
            WHERE pg_has_role(may_open_door.role, c.relowner, 'USAGE'));
END;

COMMENT ON FUNCTION warden.may_open_door(oid) IS
    'Whether a role is, or acts with the rights of, an owner of a protected table, an admin role or a migration role.';

-- An owner opens its own tables only: with the door open, a definer function of another owner would
-- otherwise show it that one's tables whole.
CREATE FUNCTION warden.door_opens_to(opener oid, actor oid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT warden.may_open_door(door_opens_to.actor)
        AND (pg_has_role(door_opens_to.opener, door_opens_to.actor, 'MEMBER')
            OR EXISTS (
                SELECT FROM warden.database_roles d JOIN pg_roles r ON r.oid = d.role
                WHERE d.kind IN ('admin', 'migration') AND pg_has_role(door_opens_to.opener, d.role, 'USAGE')));
END;

COMMENT ON FUNCTION warden.door_opens_to(oid, oid) IS
    'Whether protected tables that the first role has opened are open to queries that run as the second.';

-- begin_admin() may be called by anybody; the code asks who calls.
CREATE FUNCTION warden.begin_admin(reason text, token text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'begin_admin_wrapper';

COMMENT ON FUNCTION warden.begin_admin(text, text) IS
    'Opens protected tables to their owner, to admin roles and to migration roles, for the rest of the transaction: they see and write the rows of every user, as their privileges on the tables allow. reason: why, kept in the audit log; token: of the person behind the role, who is recorded as the actor. Returns true. The record is committed before the door opens and outlives a rollback (on a standby: one line in the server log). Without it these roles are refused (42501) where row-level security would hide a row from them. Errors: 22023 without a reason, 28000 for a token that is refused, 42501 for any other role and within a trigger, 55000 where nothing could be recorded; warning 25P01 outside a transaction block.';

CREATE FUNCTION warden.admin_open_support(internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'warden_admin_open_support';

COMMENT ON FUNCTION warden.admin_open_support(internal) IS
    'Planner support of warden.admin_open(): the constant false for a caller to whom no door opens.';

CREATE FUNCTION warden.admin_open() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE SUPPORT warden.admin_open_support
AS 'MODULE_PATHNAME', 'admin_open_wrapper';

COMMENT ON FUNCTION warden.admin_open() IS
    'For the policy of owners, admins and migrations: true where begin_admin() has opened protected tables to the role in force, false for whoever acts for a user or comes through a view or function of these roles. Errors: 42501 for such a role itself outside of begin_admin().';

CREATE FUNCTION warden.admin_is_open() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'admin_is_open_wrapper';

COMMENT ON FUNCTION warden.admin_is_open() IS
    'Whether begin_admin() has opened protected tables to the role in force; never an error.';

-- Brings the policies of these roles up to date when the list of roles has changed, in src/protect/mod.rs.
CREATE FUNCTION warden.follow_database_roles() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on SET quote_all_identifiers = off
AS 'MODULE_PATHNAME', 'follow_database_roles_wrapper';

COMMENT ON FUNCTION warden.follow_database_roles() IS
    'Writes the policy warden_admin of every protected table for the admin and migration roles there are now.';
