-- How many users there are.

CREATE FUNCTION warden.count_users(
    status text DEFAULT NULL, role text DEFAULT NULL, kind text DEFAULT NULL, older_than interval DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_user_filters(count_users.status, count_users.role, count_users.kind, count_users.older_than);
    RETURN (SELECT count(*)
            FROM warden.matching_users(count_users.status, count_users.role, count_users.kind, count_users.older_than));
END
$$;

COMMENT ON FUNCTION warden.count_users(text, text, text, interval) IS
    'How many users pass the filters, as in list_users; all that are not deleted without one. For superusers and admin roles. Errors: 42501; 22023 for an unusable filter.';

CREATE FUNCTION warden.user_stats() RETURNS TABLE (
    total bigint, created_24h bigint, created_7d bigint, created_30d bigint, active bigint, suspended bigint, admins bigint,
    anonymous bigint, bots bigint, oldest_user timestamptz, newest_user timestamptz, by_status jsonb, by_role jsonb
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    RETURN QUERY
    SELECT count(*),
           count(*) FILTER (WHERE u.created_at >= now() - interval '24 hours'),
           count(*) FILTER (WHERE u.created_at >= now() - interval '7 days'),
           count(*) FILTER (WHERE u.created_at >= now() - interval '30 days'),
           count(*) FILTER (WHERE u.status = 'active'),
           count(*) FILTER (WHERE u.status = 'suspended'),
           count(*) FILTER (WHERE 'admin' = ANY (u.roles)),
           count(*) FILTER (WHERE u.kind = 'anonymous'),
           count(*) FILTER (WHERE u.is_bot),
           min(u.created_at), max(u.created_at),
           (SELECT coalesce(jsonb_object_agg(s.status, s.users), '{}')
            FROM (SELECT k.status, count(*) AS users FROM warden.known_users k GROUP BY k.status) s),
           (SELECT coalesce(jsonb_object_agg(r.role, r.users), '{}')
            FROM (SELECT x.role, count(*) AS users FROM warden.known_users k CROSS JOIN unnest(k.roles) AS x (role) GROUP BY x.role) r)
    FROM warden.known_users u;
END
$$;

COMMENT ON FUNCTION warden.user_stats() IS
    'One row about all users that are not deleted: how many, how many created within the last 24 hours, 7 days and 30 days (exactly that old counts), active, suspended, with role admin, anonymous, bots; when the oldest and newest were created; counts by status, which add up to the total, and by role, where a user with two roles counts twice. For superusers and admin roles. Errors: 42501.';
