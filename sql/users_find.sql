-- Reading the directory: one user, pages of users, how many there are.

CREATE FUNCTION warden.find_user(identifier text) RETURNS SETOF warden.known_users
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users_found bigint;
BEGIN
    PERFORM warden.require_administrator();
    IF find_user.identifier ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RETURN QUERY SELECT u.* FROM warden.known_users u WHERE u.id = find_user.identifier::uuid;
        IF FOUND THEN
            RETURN;
        END IF;
    ELSIF strpos(find_user.identifier, '@') > 0 THEN
        RETURN QUERY SELECT u.*
            FROM warden.users_with_email(warden.normalise_email(find_user.identifier)) AS e (id)
            JOIN warden.known_users u ON u.id = e.id;
        GET DIAGNOSTICS users_found = ROW_COUNT;
        IF users_found > 1 THEN
            RAISE EXCEPTION 'several users have this email'
                USING ERRCODE = '55000', HINT = 'Look the user up by id, name or external id.';
        ELSIF users_found = 1 THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT u.* FROM warden.known_users u WHERE u.name = find_user.identifier;
    IF NOT FOUND THEN
        RETURN QUERY SELECT u.* FROM warden.known_users u WHERE u.external_id = find_user.identifier;
    END IF;
END
$$;

COMMENT ON FUNCTION warden.find_user(text) IS
    'The user with this id, else this email (in any case), else this name, else this external id; no row for an unknown or deleted user. For superusers and admin roles. Errors: 42501; 55000 where several users kept by a table of the application share the address.';

CREATE FUNCTION warden.find_first_user(role text DEFAULT NULL) RETURNS SETOF warden.known_users
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    IF find_first_user.role IS NULL THEN
        RETURN QUERY SELECT u.* FROM warden.known_users u ORDER BY u.created_at, u.id LIMIT 1;
    ELSE
        PERFORM warden.require_role_name(find_first_user.role);
        RETURN QUERY SELECT u.* FROM warden.known_users u WHERE find_first_user.role = ANY (u.roles)
        ORDER BY u.created_at, u.id LIMIT 1;
    END IF;
END
$$;

COMMENT ON FUNCTION warden.find_first_user(text) IS
    'The oldest user, whatever its status, or the oldest that holds this role; no row where there is none. Deleted users do not count. For superusers and admin roles. Errors: 42501; 22023 for an unknown role.';

CREATE FUNCTION warden.require_user_filters(status text, role text, kind text, older_than interval) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF require_user_filters.status NOT IN ('active', 'inactive', 'suspended', 'pending', 'temporary') THEN
        RAISE EXCEPTION 'unknown status of a user'
            USING ERRCODE = '22023', HINT = 'Users are active, inactive, suspended, pending or temporary; deleted ones are not found.';
    END IF;
    IF require_user_filters.kind NOT IN ('human', 'anonymous', 'service', 'agent') THEN
        RAISE EXCEPTION 'unknown kind of user'
            USING ERRCODE = '22023', HINT = 'A user is human, anonymous, service or agent.';
    END IF;
    IF require_user_filters.older_than < '0' THEN
        RAISE EXCEPTION 'the age of a user is negative' USING ERRCODE = '22023';
    END IF;
    IF require_user_filters.role IS NOT NULL THEN
        PERFORM warden.require_role_name(require_user_filters.role);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_user_filters(text, text, text, interval) IS
    'Raises 22023 for a filter that can match nobody; NULL is no filter.';

-- A plain statement, which the planner puts in place of the call: so each filter finds its index.
CREATE FUNCTION warden.matching_users(status text, role text, kind text, older_than interval) RETURNS SETOF warden.users
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.* FROM warden.users u
    WHERE u.status <> 'deleted'
      AND (matching_users.status IS NULL OR u.status = matching_users.status)
      AND (matching_users.role IS NULL OR matching_users.role = ANY (u.roles))
      AND (matching_users.kind IS NULL OR u.kind = matching_users.kind)
      AND (matching_users.older_than IS NULL OR u.created_at < now() - matching_users.older_than);
END;

COMMENT ON FUNCTION warden.matching_users(text, text, text, interval) IS
    'The users that pass every filter that is not NULL; deleted ones never do.';

CREATE FUNCTION warden.require_page_size(page_size int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (require_page_size.page_size BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'page size is not between 1 and 100' USING ERRCODE = '22023';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_page_size(int) IS 'Raises 22023 for what is no size of a page.';

CREATE FUNCTION warden.require_page(page_size int, skip int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_page_size(require_page.page_size);
    IF (require_page.skip >= 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'fewer than none to skip' USING ERRCODE = '22023';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.require_page(int, int) IS 'Raises 22023 for what is no size of a page, or no number of rows before it.';

-- As narrow as a terminal; find_user() shows the rest.
CREATE TYPE warden.listed_user AS (
    id uuid, name text, email text, kind text, status text, roles text[], created_at timestamptz, total bigint
);

COMMENT ON TYPE warden.listed_user IS 'A line of list_users() and search_users(); total: how many users match on all pages.';

CREATE FUNCTION warden.list_users(
    status text DEFAULT NULL,
    role text DEFAULT NULL,
    kind text DEFAULT NULL,
    older_than interval DEFAULT NULL,
    page_size int DEFAULT 20,
    after_user uuid DEFAULT NULL,
    with_total boolean DEFAULT true
) RETURNS SETOF warden.listed_user
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Where the page before ended; of a deleted user too.
    last_seen timestamptz := 'infinity';
    matches bigint;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_page_size(list_users.page_size);
    PERFORM warden.require_user_filters(list_users.status, list_users.role, list_users.kind, list_users.older_than);
    IF list_users.after_user IS NOT NULL THEN
        SELECT u.created_at INTO last_seen FROM warden.users u WHERE u.id = list_users.after_user;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'user not found'
                USING ERRCODE = 'P0002', HINT = 'Pass the id of the last user of the page before as after_user.';
        END IF;
    END IF;
    IF list_users.with_total THEN
        SELECT count(*) INTO matches
        FROM warden.matching_users(list_users.status, list_users.role, list_users.kind, list_users.older_than);
    END IF;
    RETURN QUERY
    SELECT u.id, u.name, u.email, u.kind, u.status, u.roles, u.created_at, matches
    FROM warden.matching_users(list_users.status, list_users.role, list_users.kind, list_users.older_than) AS u
    WHERE (u.created_at, u.id) < (last_seen, coalesce(list_users.after_user, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY u.created_at DESC, u.id DESC
    LIMIT list_users.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_users(text, text, text, interval, int, uuid, boolean) IS
    'A page of users, newest first; deleted ones are never listed. status, role, kind, older_than (the age, an interval): filters, applied before paging; page_size: 1 to 100; after_user: the last id of the page before; total: how many users pass the filters on all pages, for which every call counts them all; NULL where with_total is false, and then a call reads its page alone. For superusers and admin roles. Errors: 42501; 22023 for an unusable filter or page size, P0002 for an unknown after_user.';

CREATE FUNCTION warden.search_users(query text, page_size int DEFAULT 20, skip int DEFAULT 0)
RETURNS SETOF warden.listed_user
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_page_size(search_users.page_size);
    IF coalesce(search_users.query, '') = '' OR (search_users.skip >= 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'nothing to search for, or fewer than none to skip' USING ERRCODE = '22023';
    END IF;
    -- strpos knows no wildcards: %, _ and \ are themselves.
    RETURN QUERY
    SELECT u.id, u.name, u.email, u.kind, u.status, u.roles, u.created_at, count(*) OVER ()
    FROM warden.known_users u
    WHERE strpos(lower(u.name), lower(search_users.query)) > 0
       OR strpos(u.email, lower(search_users.query)) > 0
       OR strpos(lower(u.full_name), lower(search_users.query)) > 0
    ORDER BY coalesce(strpos(lower(u.name), lower(search_users.query)) > 0, false) DESC, u.created_at DESC, u.id DESC
    LIMIT search_users.page_size OFFSET search_users.skip;
END
$$;

COMMENT ON FUNCTION warden.search_users(text, int, int) IS
    'Users whose name, email or full name contains the text, in any case: names first, then newest first. Every character stands for itself. page_size: 1 to 100; skip: how many to leave out; total: how many users match on all pages. Reads the whole directory. For superusers and admin roles. Errors: 42501; 22023 for an empty query, a page size out of bounds or a negative skip.';
