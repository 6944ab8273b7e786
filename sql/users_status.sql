-- Who may come in: status, deletion and return.

CREATE FUNCTION warden.set_user_status(user_id uuid, status text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    previous text;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_manage(set_user_status.user_id);
    IF set_user_status.status IS NULL
        OR set_user_status.status NOT IN ('active', 'inactive', 'suspended', 'pending', 'deleted', 'temporary') THEN
        RAISE EXCEPTION 'unknown status of a user'
            USING ERRCODE = '22023', HINT = 'A user is active, inactive, suspended, pending, deleted or temporary.';
    ELSIF set_user_status.status <> 'active' THEN
        PERFORM warden.refuse_self(set_user_status.user_id);
    END IF;
    SELECT u.status INTO previous FROM warden.users u
    WHERE u.id = set_user_status.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found'
            USING ERRCODE = 'P0002', HINT = 'A deleted user comes back by warden.restore_user().';
    END IF;
    IF previous = set_user_status.status THEN
        RETURN false;
    END IF;
    UPDATE warden.users u
    SET status = set_user_status.status,
        status_when_deleted = CASE WHEN set_user_status.status = 'deleted' THEN previous END,
        updated_at = clock_timestamp()
    WHERE u.id = set_user_status.user_id;
    PERFORM warden.write_audit('set_user_status', set_user_status.user_id::text,
        jsonb_build_object('from', previous, 'to', set_user_status.status));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_user_status(uuid, text) IS
    'Changes the status of a user, felt by its next transaction; only active users are authenticated. status: active, inactive, suspended, pending, temporary, or deleted as by delete_user. From each to each other one, but a deleted user comes back only by restore_user. Returns false where nothing changed. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does; 22023 for an unknown status, P0002 for an unknown or deleted user, 55000 for the last owner, and for the acting user where it is not active.';

CREATE FUNCTION warden.delete_user(user_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    previous text;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_manage(delete_user.user_id);
    PERFORM warden.refuse_self(delete_user.user_id);
    SELECT u.status INTO previous FROM warden.users u
    WHERE u.id = delete_user.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    UPDATE warden.users u SET status = 'deleted', status_when_deleted = previous, updated_at = clock_timestamp()
    WHERE u.id = delete_user.user_id;
    PERFORM warden.write_audit('delete_user', delete_user.user_id::text, jsonb_build_object('from', previous));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.delete_user(uuid) IS
    'Deletes a user softly: it cannot sign in, no function finds it, its email and name are free; its rows in tables stay, and restore_user brings it back. Returns true. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does; P0002 for an unknown or deleted user, 55000 for the last owner, and for the acting user.';

CREATE FUNCTION warden.restore_user(user_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted warden.users;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_manage(restore_user.user_id);
    SELECT u.* INTO deleted FROM warden.users u WHERE u.id = restore_user.user_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    ELSIF deleted.status <> 'deleted' THEN
        RETURN false;
    END IF;
    PERFORM warden.refuse_taken(deleted.id, deleted.name, CASE WHEN NOT deleted.synced THEN deleted.email END);
    -- As it was: a user that was suspended before does not come back active.
    UPDATE warden.users u
    SET status = coalesce(deleted.status_when_deleted, 'inactive'), status_when_deleted = NULL, updated_at = clock_timestamp()
    WHERE u.id = restore_user.user_id;
    PERFORM warden.write_audit('restore_user', restore_user.user_id::text,
        jsonb_build_object('to', coalesce(deleted.status_when_deleted, 'inactive')));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.restore_user(uuid) IS
    'Brings a deleted user back, in the status it had. Returns false where it is not deleted. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does; P0002 for an unknown user, 23505 where its email or name is another''s by now.';
