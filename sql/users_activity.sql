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
