-- The roles of users, and that somebody is left who can give them.

-- Has no rows: it is there to be locked, where ordinary clients cannot (an advisory lock they could hold).
CREATE TABLE warden.last_owner_guard ();

COMMENT ON TABLE warden.last_owner_guard IS
    'Locked by whoever takes an owner or admin away, so that two do not take away the last two. Always empty.';

CREATE FUNCTION warden.keep_last_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- What is left must hold: an owner where there was one, and somebody who administers in any case.
    role text := CASE WHEN 'owner' = ANY (OLD.roles) AND NOT (NEW.status = 'active' AND 'owner' = ANY (NEW.roles))
                      THEN 'owner' ELSE 'admin' END;
BEGIN
    IF NEW.status = 'active' AND role = 'admin' AND NEW.roles && '{owner,admin}' THEN
        RETURN NULL;
    END IF;
    LOCK TABLE warden.last_owner_guard IN EXCLUSIVE MODE;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- The snapshot is older than the lock: an owner demoted since is met as a serialization failure.
        PERFORM FROM warden.users u
        WHERE u.status = 'active' AND u.kind <> 'agent' AND u.roles && '{owner,admin}' AND u.id <> OLD.id ORDER BY u.created_at, u.id FOR SHARE;
    END IF;
    PERFORM FROM warden.users u
    WHERE u.status = 'active' AND u.kind <> 'agent' AND u.roles && '{owner,admin}' AND u.id <> OLD.id
      AND (role = 'admin' OR 'owner' = ANY (u.roles));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this is the last %', role
            USING ERRCODE = '55000', HINT = 'Give another active user the role first, by warden.assign_role().';
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.keep_last_owner() IS
    'Trigger of the users: the last active owner, and where there is none the last active admin, is not demoted, suspended or deleted, whatever statement tries. Errors: 55000.';

CREATE TRIGGER keep_last_owner AFTER UPDATE ON warden.users
    FOR EACH ROW
    -- An agent administers nothing.
    WHEN (OLD.status = 'active' AND OLD.kind <> 'agent' AND OLD.roles && '{owner,admin}'
          AND (NEW.status <> 'active' OR NOT NEW.roles @> OLD.roles))
    EXECUTE FUNCTION warden.keep_last_owner();

CREATE FUNCTION warden.require_role_name(role text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF require_role_name.role = ANY (warden.role_names()) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'unknown role of a user'
        USING ERRCODE = '22023', HINT = format('Roles are %s.', array_to_string(warden.role_names(), ', '));
END
$$;

COMMENT ON FUNCTION warden.require_role_name(text) IS 'Raises 22023 for what is no role of users.';

-- Adds and removes in one statement, on the row as it is by then: of two changes at once neither is lost.
CREATE FUNCTION warden.change_roles(user_id uuid, added text[], removed text[], event text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text[];
    after text[];
BEGIN
    SELECT u.roles INTO before FROM warden.users u
    WHERE u.id = change_roles.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(array_agg(r.role ORDER BY array_position(warden.role_names(), r.role)), '{}') INTO after
    FROM (SELECT unnest(before) UNION SELECT unnest(change_roles.added)) AS r (role)
    WHERE r.role <> ALL (change_roles.removed);
    IF after @> before AND before @> after THEN
        RETURN false;
    END IF;
    UPDATE warden.users u SET roles = after, updated_at = clock_timestamp() WHERE u.id = change_roles.user_id;
    PERFORM warden.write_audit(change_roles.event, change_roles.user_id::text,
        jsonb_build_object('from', before, 'to', after));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.change_roles(uuid, text[], text[], text) IS
    'Adds and removes roles of a user: true where that changed something, NULL for an unknown or deleted user. Errors: 55000 for the last owner.';

CREATE FUNCTION warden.assign_role(user_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed boolean;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_role_name(assign_role.role);
    PERFORM warden.require_may_grant('{}', ARRAY[assign_role.role], giving => true);
    changed := warden.change_roles(assign_role.user_id, ARRAY[assign_role.role], '{}', 'assign_role');
    IF changed IS NULL THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION warden.assign_role(uuid, text) IS
    'Gives a user a role (anonymous, viewer, user, admin, owner, or one of define_role()), felt by its next transaction. Returns false where it had it. For superusers and admin roles. Errors: 42501, also where a person acts (begin_admin() with a token, authenticate()) who does not hold the role; 22023 for an unknown role, P0002 for an unknown or deleted user.';

CREATE FUNCTION warden.revoke_role(user_id uuid, role text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed boolean;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_role_name(revoke_role.role);
    PERFORM warden.require_may_grant('{}', ARRAY[revoke_role.role], giving => true);
    changed := warden.change_roles(revoke_role.user_id, '{}', ARRAY[revoke_role.role], 'revoke_role');
    IF changed IS NULL THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION warden.revoke_role(uuid, text) IS
    'Takes a role from a user, felt by its next transaction; who is left without any has no scopes by role. Returns false where it did not have it. For superusers and admin roles. Errors: 42501, as assign_role(); 22023 for an unknown role, P0002 for an unknown or deleted user, 55000 for the last owner, or the last admin where nobody is owner.';

CREATE FUNCTION warden.promote_user(user_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_grant('{}', '{admin,user}');
    IF EXISTS (SELECT FROM warden.known_users u WHERE u.id = promote_user.user_id AND 'admin' = ANY (u.roles)) THEN
        RETURN 'already_admin';
    END IF;
    RETURN CASE warden.change_roles(promote_user.user_id, '{admin,user}', '{}', 'promote_user')
        WHEN true THEN 'promoted' WHEN false THEN 'already_admin' ELSE 'user_not_found' END;
END
$$;

COMMENT ON FUNCTION warden.promote_user(uuid) IS
    'Makes a user an admin of the application (roles admin and user). Returns promoted, already_admin or user_not_found, the latter also for a deleted one. For superusers and admin roles. Errors: 42501, as assign_role().';

CREATE FUNCTION warden.demote_user(user_id uuid) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    roles text[];
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_grant('{}', '{admin,user}');
    SELECT u.roles INTO roles FROM warden.users u
    WHERE u.id = demote_user.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'user_not_found';
    ELSIF 'admin' <> ALL (roles) THEN
        RETURN 'not_admin';
    END IF;
    PERFORM warden.change_roles(demote_user.user_id, '{user}', '{admin}', 'demote_user');
    RETURN 'demoted';
END
$$;

COMMENT ON FUNCTION warden.demote_user(uuid) IS
    'Takes the role admin from a user, who keeps or gets the role user; an owner stays owner (revoke_role). Returns demoted, not_admin or user_not_found. For superusers and admin roles. Errors: 42501, as assign_role(); 55000 for the last admin where nobody is owner.';
