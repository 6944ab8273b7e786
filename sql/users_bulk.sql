-- Changing many users at once: a filter is required, and nothing happens until dry_run is said to be false.

-- Oldest first. Left out are who acts, whom the acting person may not manage, and where every active owner (or every active admin, where
-- nobody is owner) would be among them, the oldest of these.
CREATE FUNCTION warden.bulk_targets(
    status text, role text, kind text, older_than interval, max_users int, but_status text
) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept uuid;
    acting uuid[] := warden.acting_people();
BEGIN
    IF num_nonnulls(bulk_targets.status, bulk_targets.role, bulk_targets.kind, bulk_targets.older_than) = 0 THEN
        RAISE EXCEPTION 'a filter is required'
            USING ERRCODE = '22023', HINT = 'Say which users by status, role, kind or older_than.';
    END IF;
    PERFORM warden.require_user_filters(bulk_targets.status, bulk_targets.role, bulk_targets.kind, bulk_targets.older_than);
    IF (bulk_targets.max_users BETWEEN 1 AND 10000) IS NOT TRUE THEN
        RAISE EXCEPTION 'max_users is not between 1 and 10000' USING ERRCODE = '22023';
    END IF;
    WITH administrators AS (
        SELECT u.id, u.created_at, 'owner' = ANY (u.roles) AS is_owner FROM warden.users u
        WHERE u.status = 'active' AND u.kind <> 'agent' AND u.roles && '{owner,admin}'
    ), last AS (
        SELECT a.* FROM administrators a
        WHERE a.is_owner OR NOT EXISTS (SELECT FROM administrators o WHERE o.is_owner)
    )
    SELECT l.id INTO kept FROM last l
    WHERE NOT EXISTS (
        SELECT FROM last other WHERE other.id NOT IN (
            SELECT m.id FROM warden.matching_users(
                bulk_targets.status, bulk_targets.role, bulk_targets.kind, bulk_targets.older_than) m))
    ORDER BY l.created_at, l.id LIMIT 1;
    RETURN QUERY
    SELECT m.id
    FROM warden.matching_users(bulk_targets.status, bulk_targets.role, bulk_targets.kind, bulk_targets.older_than) m
    WHERE m.status <> bulk_targets.but_status
      AND m.id IS DISTINCT FROM kept
      AND m.id <> ALL (acting)
      AND warden.may_manage(m.id)
    ORDER BY m.created_at, m.id
    LIMIT bulk_targets.max_users;
END
$$;

COMMENT ON FUNCTION warden.bulk_targets(text, text, text, interval, int, text) IS
    'Whom a change of many users is for: who has the status but_status is left out. Errors: 22023 without a filter, for an unusable one, and for a number out of bounds.';

CREATE FUNCTION warden.bulk_update_users(
    new_status text,
    status text DEFAULT NULL,
    role text DEFAULT NULL,
    kind text DEFAULT NULL,
    older_than interval DEFAULT NULL,
    max_users int DEFAULT 100,
    dry_run boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM warden.require_administrator();
    IF bulk_update_users.new_status IS NULL OR bulk_update_users.new_status NOT IN ('active', 'inactive', 'suspended') THEN
        RAISE EXCEPTION 'many users cannot be given this status'
            USING ERRCODE = '22023', HINT = 'The new status is active, inactive or suspended; for deletion there is warden.bulk_delete_users().';
    END IF;
    IF coalesce(bulk_update_users.dry_run, true) THEN
        RETURN (SELECT count(*) FROM warden.bulk_targets(bulk_update_users.status, bulk_update_users.role,
            bulk_update_users.kind, bulk_update_users.older_than, bulk_update_users.max_users, bulk_update_users.new_status));
    END IF;
    UPDATE warden.users u SET status = bulk_update_users.new_status, updated_at = clock_timestamp()
    -- Asked again of the row as it is by then: a user suspended meanwhile is not made active.
    WHERE u.status <> 'deleted'
      AND (bulk_update_users.status IS NULL OR u.status = bulk_update_users.status)
      AND (bulk_update_users.role IS NULL OR bulk_update_users.role = ANY (u.roles))
      AND u.id IN (SELECT warden.bulk_targets(bulk_update_users.status, bulk_update_users.role,
        bulk_update_users.kind, bulk_update_users.older_than, bulk_update_users.max_users, bulk_update_users.new_status));
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM warden.write_audit('bulk_update_users', NULL, jsonb_build_object('to', bulk_update_users.new_status,
        'status', bulk_update_users.status, 'role', bulk_update_users.role, 'kind', bulk_update_users.kind,
        'older_than', bulk_update_users.older_than, 'users', changed));
    RETURN changed;
END
$$;

COMMENT ON FUNCTION warden.bulk_update_users(text, text, text, text, interval, int, boolean) IS
    'Gives the users that pass the filters a new status (active, inactive or suspended) and returns how many; by default only counts them, dry_run => false does it. status, role, kind, older_than (the age): at least one; max_users: at most so many (1 to 10000), the oldest first. Never who acts (the user of the transaction, who acts for it, the person of begin_admin()), nor who holds more than the acting person, nor the last active owner, or admin where nobody is owner. For superusers and admin roles. Errors: 42501; 22023 without a filter or for an unusable argument.';

CREATE FUNCTION warden.bulk_delete_users(
    status text DEFAULT NULL,
    role text DEFAULT NULL,
    kind text DEFAULT NULL,
    older_than interval DEFAULT NULL,
    max_users int DEFAULT 100,
    dry_run boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted bigint;
BEGIN
    PERFORM warden.require_administrator();
    IF coalesce(bulk_delete_users.dry_run, true) THEN
        RETURN (SELECT count(*) FROM warden.bulk_targets(bulk_delete_users.status, bulk_delete_users.role,
            bulk_delete_users.kind, bulk_delete_users.older_than, bulk_delete_users.max_users, 'deleted'));
    END IF;
    UPDATE warden.users u SET status = 'deleted', status_when_deleted = u.status, updated_at = clock_timestamp()
    -- Asked again of the row as it is by then: a user suspended meanwhile is not made active.
    WHERE u.status <> 'deleted'
      AND (bulk_delete_users.status IS NULL OR u.status = bulk_delete_users.status)
      AND (bulk_delete_users.role IS NULL OR bulk_delete_users.role = ANY (u.roles))
      AND u.id IN (SELECT warden.bulk_targets(bulk_delete_users.status, bulk_delete_users.role,
        bulk_delete_users.kind, bulk_delete_users.older_than, bulk_delete_users.max_users, 'deleted'));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM warden.write_audit('bulk_delete_users', NULL, jsonb_build_object(
        'status', bulk_delete_users.status, 'role', bulk_delete_users.role, 'kind', bulk_delete_users.kind,
        'older_than', bulk_delete_users.older_than, 'users', deleted));
    RETURN deleted;
END
$$;

COMMENT ON FUNCTION warden.bulk_delete_users(text, text, text, interval, int, boolean) IS
    'Deletes the users that pass the filters, softly as delete_user does, and returns how many; by default only counts them, dry_run => false does it. status, role, kind, older_than (the age): at least one; max_users: at most so many (1 to 10000), the oldest first. Never who acts (the user of the transaction, who acts for it, the person of begin_admin()), nor who holds more than the acting person, nor the last active owner, or admin where nobody is owner. For superusers and admin roles. Errors: 42501; 22023 without a filter or for an unusable argument.';
