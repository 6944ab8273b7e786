-- What a user does and has.

CREATE FUNCTION warden.user_activity(user_id uuid) RETURNS TABLE (
    last_active timestamptz, session_count bigint, active_sessions bigint, total_rows bigint, rows_by_table jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known warden.known_users;
BEGIN
    PERFORM warden.require_administrator();
    SELECT k.* INTO known FROM warden.known_users k WHERE k.id = user_activity.user_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    SELECT greatest(known.last_login_at, max(s.last_active_at)), count(*),
           count(*) FILTER (WHERE least(s.ended_at, s.expires_at, s.idle_expires_at) > clock_timestamp())
    INTO user_activity.last_active, user_activity.session_count, user_activity.active_sessions
    FROM warden.sessions s WHERE s.user_id = known.id;
    SELECT coalesce(sum(r.rows), 0), coalesce(jsonb_object_agg(r.table_name, r.rows), '{}')
    INTO user_activity.total_rows, user_activity.rows_by_table
    FROM warden.owned_rows(known.id, known.external_id) r;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION warden.user_activity(uuid) IS
    'One row about a user: when it was last active in a session (NULL: never), how many sessions are kept and how many of them are live, and how many rows it has in protected tables, in all and in each, those of children counted with their parents (but not where parent and child have different owners). Counts rows, so it takes the time of a count. For superusers and admin roles. Errors: 42501; P0002 for an unknown or deleted user.';

CREATE TYPE warden.user_with_sessions AS (
    id uuid, name text, email text, full_name text, status text, roles text[], created_at timestamptz,
    active_sessions bigint, last_session_at timestamptz
);

COMMENT ON TYPE warden.user_with_sessions IS
    'A line of list_users_with_sessions(); active_sessions: how many are live; last_session_at: when the latest began that is kept, NULL where none is.';

-- By the id: an argument of the row's type would keep the table from being altered.
CREATE FUNCTION warden.with_sessions(user_id uuid) RETURNS warden.user_with_sessions
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id, u.name, u.email, u.full_name, u.status, u.roles, u.created_at,
           (SELECT count(*) FROM warden.known_sessions s WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.is_active),
           (SELECT s.started_at FROM warden.sessions s WHERE s.user_id = u.id ORDER BY s.started_at DESC, s.id DESC LIMIT 1)
    FROM warden.users u WHERE u.id = with_sessions.user_id;
END;

COMMENT ON FUNCTION warden.with_sessions(uuid) IS
    'What is shown of a user beside its sessions. Not callable by clients.';

CREATE FUNCTION warden.find_user_with_sessions(user_id uuid) RETURNS SETOF warden.user_with_sessions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    RETURN QUERY SELECT w.* FROM warden.users u CROSS JOIN LATERAL warden.with_sessions(u.id) AS w
    WHERE u.id = find_user_with_sessions.user_id AND u.status <> 'deleted';
END
$$;

COMMENT ON FUNCTION warden.find_user_with_sessions(uuid) IS
    'The user, with how many of its sessions are live, and when the latest began; no row for an unknown or deleted one. For superusers and admin roles. Errors: 42501.';

CREATE FUNCTION warden.list_users_with_sessions(page_size int DEFAULT 20, skip int DEFAULT 0)
RETURNS SETOF warden.user_with_sessions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    listed bigint;
    seen bigint := 0;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_page(list_users_with_sessions.page_size, list_users_with_sessions.skip);
    -- From the latest session back: each user where its own latest is met, so no more are read than a page needs.
    RETURN QUERY SELECT w.* FROM warden.sessions s JOIN warden.users u ON u.id = s.user_id
        CROSS JOIN LATERAL warden.with_sessions(u.id) AS w
    WHERE u.status <> 'deleted' AND u.kind <> 'anonymous'
      AND s.id = (SELECT l.id FROM warden.sessions l WHERE l.user_id = s.user_id ORDER BY l.started_at DESC, l.id DESC LIMIT 1)
    ORDER BY s.started_at DESC, s.id DESC
    LIMIT list_users_with_sessions.page_size OFFSET list_users_with_sessions.skip;
    GET DIAGNOSTICS listed = ROW_COUNT;
    IF listed = list_users_with_sessions.page_size THEN
        RETURN;
    ELSIF listed = 0 AND list_users_with_sessions.skip > 0 THEN
        SELECT count(*) INTO seen FROM warden.users u
        WHERE u.status <> 'deleted' AND u.kind <> 'anonymous' AND EXISTS (SELECT FROM warden.sessions s WHERE s.user_id = u.id);
        seen := list_users_with_sessions.skip - seen;
    END IF;
    -- Then those who have none, as list_users() has them.
    RETURN QUERY SELECT w.* FROM warden.users u CROSS JOIN LATERAL warden.with_sessions(u.id) AS w
    WHERE u.status <> 'deleted' AND u.kind <> 'anonymous' AND NOT EXISTS (SELECT FROM warden.sessions s WHERE s.user_id = u.id)
    ORDER BY u.created_at DESC, u.id DESC
    LIMIT list_users_with_sessions.page_size - listed OFFSET seen;
END
$$;

COMMENT ON FUNCTION warden.list_users_with_sessions(int, int) IS
    'Users with how many of their sessions are live, and when the latest began: that of the latest first, those without a session last, newest first. Anonymous and deleted users are left out. page_size: 1 to 100; skip: how many to leave out. For superusers and admin roles. Errors: 42501; 22023 for a page size out of bounds or a negative skip.';
