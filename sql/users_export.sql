-- The directory as a document.

CREATE FUNCTION warden.export_users(
    status text DEFAULT NULL, role text DEFAULT NULL, kind text DEFAULT NULL, older_than interval DEFAULT NULL
) RETURNS json
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    exported json;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_user_filters(export_users.status, export_users.role, export_users.kind, export_users.older_than);
    -- Field by field: a column that is added to the table is in no export until somebody writes it here.
    SELECT json_build_object('users', coalesce(json_agg(json_build_object(
               'id', u.id, 'name', u.name, 'email', u.email, 'full_name', u.full_name, 'display_name', u.display_name,
               'status', u.status, 'roles', u.roles, 'email_verified', u.email_verified, 'is_bot', u.is_bot,
               'is_scanner', u.is_scanner, 'created_at', u.created_at, 'updated_at', u.updated_at
           ) ORDER BY u.created_at, u.id), '[]'), 'total', count(*), 'exported_at', now())
    INTO exported
    FROM warden.matching_users(export_users.status, export_users.role, export_users.kind, export_users.older_than) u;
    PERFORM warden.write_audit('export_users', NULL, jsonb_build_object(
        'status', export_users.status, 'role', export_users.role, 'kind', export_users.kind,
        'older_than', export_users.older_than, 'users', exported -> 'total'));
    RETURN exported;
END
$$;

COMMENT ON FUNCTION warden.export_users(text, text, text, interval) IS
    'Every user that passes the filters, as in list_users, as one JSON document: users (twelve fields each, no secrets, oldest first), total, exported_at. Nothing is left out, however many there are, up to 1 GB. Recorded in the audit log. For superusers and admin roles. Errors: 42501; 22023 for an unusable filter.';
