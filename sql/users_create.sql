-- Making users: people, and accounts of services.

CREATE FUNCTION warden.require_user_fields(
    external_id text, name text, email text, kind text, full_name text, display_name text
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF require_user_fields.kind IS NULL OR require_user_fields.kind NOT IN ('human', 'anonymous', 'service', 'agent') THEN
        RAISE EXCEPTION 'unknown kind of user'
            USING ERRCODE = '22023', HINT = 'A user is human, anonymous, service or agent.';
    END IF;
    IF require_user_fields.external_id = '' OR length(require_user_fields.external_id) > 255
        OR require_user_fields.external_id ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'external id is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 255 characters without control characters, or NULL.';
    END IF;
    -- A name that reads like an id or an email would be looked up, and its guesses counted, as one.
    IF require_user_fields.name ~ '^[[:space:]]*$' OR length(require_user_fields.name) > 255
        OR require_user_fields.name ~ '[[:cntrl:]]'
        OR strpos(require_user_fields.name, '@') > 0
        OR require_user_fields.name ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RAISE EXCEPTION 'name is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 255 characters without control characters and @, and no UUID.';
    END IF;
    IF length(require_user_fields.email) > 320
        OR warden.normalise_email(require_user_fields.email) !~ '^[^[:space:][:cntrl:]@]+@[^[:space:][:cntrl:]@]+$' THEN
        RAISE EXCEPTION 'email is not an address'
            USING ERRCODE = '22023', HINT = 'Pass one address like ann@example.com, without white space within it.';
    END IF;
    IF length(require_user_fields.full_name) > 255 OR length(require_user_fields.display_name) > 255 THEN
        RAISE EXCEPTION 'full name or display name is too long'
            USING ERRCODE = '22023', HINT = 'Pass at most 255 characters.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_user_fields(text, text, text, text, text, text) IS
    'Raises 22023 where one of the fields cannot be a user''s; NULL is passed by, but for the kind.';

-- Also the addresses of users that a table of the application keeps, which no unique index holds.
CREATE FUNCTION warden.users_with_email(email text) RETURNS SETOF uuid
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id FROM warden.users u WHERE u.email = users_with_email.email AND u.status <> 'deleted' AND NOT u.synced
    UNION ALL
    SELECT u.id FROM warden.users u WHERE u.email = users_with_email.email AND u.status <> 'deleted' AND u.synced;
END;

COMMENT ON FUNCTION warden.users_with_email(text) IS
    'The users that are not deleted and have this address, given as it is kept: several only where a table of the application keeps them.';

-- NULL where another user has the id, external id, name or email: of any number at once one wins.
CREATE FUNCTION warden.insert_user(
    external_id text, name text, email text, kind text, id uuid, full_name text, display_name text
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text := warden.normalise_email(insert_user.email);
    created uuid;
BEGIN
    PERFORM warden.require_user_fields(insert_user.external_id, insert_user.name, insert_user.email, insert_user.kind,
        insert_user.full_name, insert_user.display_name);
    IF insert_user.external_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        IF insert_user.id <> insert_user.external_id::uuid THEN
            RAISE EXCEPTION 'external id is a UUID and not this user''s id'
                USING ERRCODE = '22023', HINT = 'Pass the same UUID as id, or leave id out.';
        END IF;
        insert_user.id := insert_user.external_id::uuid;
    END IF;
    IF EXISTS (SELECT FROM warden.users_with_email(address)) THEN
        RETURN NULL;
    END IF;
    INSERT INTO warden.users AS u (id, external_id, name, email, kind, roles, full_name, display_name)
    VALUES (coalesce(insert_user.id, gen_random_uuid()), insert_user.external_id, insert_user.name, address, insert_user.kind,
            CASE insert_user.kind WHEN 'anonymous' THEN '{anonymous}' ELSE '{user}' END::text[],
            insert_user.full_name, coalesce(insert_user.display_name, insert_user.full_name))
    ON CONFLICT DO NOTHING
    RETURNING u.id INTO created;
    IF created IS NOT NULL THEN
        PERFORM warden.write_audit('create_user', created::text, jsonb_build_object('kind', insert_user.kind));
    END IF;
    RETURN created;
END
$$;

COMMENT ON FUNCTION warden.insert_user(text, text, text, text, uuid, text, text) IS
    'What the create_… functions share: checks, inserts, records. NULL where id, external id, name or email is taken. Errors: 22023.';

CREATE FUNCTION warden.create_user(
    external_id text DEFAULT NULL,
    email text DEFAULT NULL,
    kind text DEFAULT 'human',
    id uuid DEFAULT NULL,
    name text DEFAULT NULL,
    full_name text DEFAULT NULL,
    display_name text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    created uuid;
BEGIN
    PERFORM warden.require_administrator();
    created := warden.insert_user(create_user.external_id, create_user.name, create_user.email, create_user.kind,
        create_user.id, create_user.full_name, create_user.display_name);
    IF created IS NULL THEN
        RAISE EXCEPTION '%', CASE
                WHEN EXISTS (SELECT FROM warden.users_with_email(warden.normalise_email(create_user.email)))
                    THEN 'a user with this email exists'
                WHEN EXISTS (SELECT FROM warden.known_users u WHERE u.name = create_user.name)
                    THEN 'a user with this name exists'
                ELSE 'a user with this id or external id exists' END
            USING ERRCODE = '23505', HINT = 'Look the user up instead of creating it.';
    END IF;
    RETURN created;
END
$$;

COMMENT ON FUNCTION warden.create_user(text, text, text, uuid, text, text, text) IS
    'Creates an active user and returns its id. external_id: the application''s own name for it, which is also the id where it is a UUID; email: kept trimmed and in lower case; kind: human, anonymous, service or agent; name: what it signs in by; display_name: the full name where it is left out. For superusers and admin roles. Errors: 42501; 22023 for an unusable argument, 23505 where id, external id, email or name is taken.';

CREATE FUNCTION warden.create_user_if_absent(
    external_id text DEFAULT NULL,
    email text DEFAULT NULL,
    name text DEFAULT NULL,
    full_name text DEFAULT NULL,
    display_name text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    IF num_nonnulls(create_user_if_absent.external_id, warden.normalise_email(create_user_if_absent.email),
                    create_user_if_absent.name) = 0 THEN
        RAISE EXCEPTION 'nothing says who the user is'
            USING ERRCODE = '22023', HINT = 'Pass an external id, an email or a name.';
    END IF;
    RETURN warden.insert_user(create_user_if_absent.external_id, create_user_if_absent.name, create_user_if_absent.email,
        'human', NULL, create_user_if_absent.full_name, create_user_if_absent.display_name);
END
$$;

COMMENT ON FUNCTION warden.create_user_if_absent(text, text, text, text, text) IS
    'Creates an active user and returns its id, or NULL where external id, email or name is taken already: of any number of calls at once, one creates. For superusers and admin roles. Errors: 42501; 22023 for an unusable argument, or where all three are NULL.';

CREATE FUNCTION warden.create_service_account(name text, display_name text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    created uuid;
BEGIN
    PERFORM warden.require_administrator();
    IF create_service_account.name IS NULL THEN
        RAISE EXCEPTION 'a service account needs a name' USING ERRCODE = '22023';
    END IF;
    created := warden.insert_user(NULL, create_service_account.name, NULL, 'service', NULL, NULL,
        create_service_account.display_name);
    IF created IS NULL THEN
        RAISE EXCEPTION 'a user with this name exists'
            USING ERRCODE = '23505', HINT = 'Choose another name, or look the account up.';
    END IF;
    RETURN created;
END
$$;

COMMENT ON FUNCTION warden.create_service_account(text, text) IS
    'Creates a user of kind service, for a program that acts for itself, and returns its id. For superusers and admin roles. Errors: 42501; 22023 for an unusable name, 23505 where it is taken.';
