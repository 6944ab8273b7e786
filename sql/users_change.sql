-- Changing what is known about a user.

-- For a message that names the field; what happens at the same moment is held by the unique indexes.
CREATE FUNCTION warden.refuse_taken(user_id uuid, name text, email text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM warden.users_with_email(refuse_taken.email) AS other (id) WHERE other.id <> refuse_taken.user_id) THEN
        RAISE EXCEPTION 'a user with this email exists'
            USING ERRCODE = '23505', HINT = 'An address is one user''s; that of a deleted user is free.';
    END IF;
    IF EXISTS (SELECT FROM warden.known_users u WHERE u.name = refuse_taken.name AND u.id <> refuse_taken.user_id) THEN
        RAISE EXCEPTION 'a user with this name exists'
            USING ERRCODE = '23505', HINT = 'A name is one user''s; that of a deleted user is free.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.refuse_taken(uuid, text, text) IS
    'Raises 23505 where another user that is not deleted has the name or the email; NULL is nobody''s.';

CREATE FUNCTION warden.update_user(
    user_id uuid,
    name text DEFAULT NULL,
    email text DEFAULT NULL,
    full_name text DEFAULT NULL,
    display_name text DEFAULT NULL,
    avatar_url text DEFAULT NULL,
    email_verified boolean DEFAULT NULL,
    is_bot boolean DEFAULT NULL,
    is_scanner boolean DEFAULT NULL
) RETURNS SETOF warden.known_users
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text := warden.normalise_email(update_user.email);
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_manage(update_user.user_id);
    IF num_nonnulls(update_user.name, update_user.email, update_user.full_name, update_user.display_name,
                    update_user.avatar_url, update_user.email_verified, update_user.is_bot, update_user.is_scanner) = 0 THEN
        RAISE EXCEPTION 'no field to update'
            USING ERRCODE = '22023', HINT = 'Name at least one: NULL leaves a field as it is, an empty text clears it.';
    END IF;
    PERFORM warden.require_user_fields(NULL, nullif(update_user.name, ''), update_user.email, 'human',
        update_user.full_name, update_user.display_name);
    PERFORM warden.refuse_taken(update_user.user_id, update_user.name, address);
    -- One statement on the row as it is by then: what somebody else changes meanwhile is not written back.
    UPDATE warden.users u
    SET name = CASE WHEN update_user.name IS NULL THEN u.name ELSE nullif(update_user.name, '') END,
        email = CASE WHEN update_user.email IS NULL THEN u.email ELSE address END,
        -- Another address has not been verified, unless the caller says so; none never is.
        email_verified = (CASE WHEN update_user.email IS NULL THEN u.email ELSE address END) IS NOT NULL
            AND coalesce(update_user.email_verified, u.email_verified AND coalesce(address, u.email) = u.email),
        full_name = CASE WHEN update_user.full_name IS NULL THEN u.full_name ELSE nullif(update_user.full_name, '') END,
        display_name = CASE WHEN update_user.display_name IS NULL THEN u.display_name ELSE nullif(update_user.display_name, '') END,
        avatar_url = CASE WHEN update_user.avatar_url IS NULL THEN u.avatar_url ELSE nullif(update_user.avatar_url, '') END,
        is_bot = coalesce(update_user.is_bot, u.is_bot),
        is_scanner = coalesce(update_user.is_scanner, u.is_scanner),
        updated_at = clock_timestamp()
    WHERE u.id = update_user.user_id AND u.status <> 'deleted';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    -- Which fields, not their values: the log is kept when the user is not.
    PERFORM warden.write_audit('update_user', update_user.user_id::text, jsonb_build_object('fields', (
        SELECT jsonb_agg(f.field) FROM (VALUES
            ('name', update_user.name IS NOT NULL), ('email', update_user.email IS NOT NULL),
            ('full_name', update_user.full_name IS NOT NULL), ('display_name', update_user.display_name IS NOT NULL),
            ('avatar_url', update_user.avatar_url IS NOT NULL), ('email_verified', update_user.email_verified IS NOT NULL),
            ('is_bot', update_user.is_bot IS NOT NULL), ('is_scanner', update_user.is_scanner IS NOT NULL)
        ) AS f (field, given) WHERE f.given)));
    RETURN QUERY SELECT k.* FROM warden.known_users k WHERE k.id = update_user.user_id;
END
$$;

COMMENT ON FUNCTION warden.update_user(uuid, text, text, text, text, text, boolean, boolean, boolean) IS
    'Changes fields of a user, all or none, and returns the user: NULL leaves a field as it is, an empty text clears it. email: kept trimmed and in lower case; another address is unverified unless email_verified is given. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does; 22023 for an unusable value or where no field is named, P0002 for an unknown or deleted user, 23505 where name or email is another''s.';
