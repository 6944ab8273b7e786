-- Reading sessions: one's own, or as an administrator anybody's.

CREATE VIEW warden.known_sessions AS
    SELECT s.id AS session_id, s.user_id, s.kind, s.scopes, s.started_at, s.last_active_at, s.expires_at,
           s.idle_expires_at, s.ended_at, s.end_reason, s.parent_id, s.client_ip, s.user_agent, s.device,
           -- What authentication asks; by the clock at the statement's start, so that pages are read by an index.
           (s.ended_at IS NULL AND least(s.expires_at, s.idle_expires_at) OPERATOR(pg_catalog.>) statement_timestamp()
            AND u.status OPERATOR(pg_catalog.=) 'active'
            AND (s.started_at OPERATOR(pg_catalog.>=) u.tokens_valid_after
                 OR u.kept_session OPERATOR(pg_catalog.=) s.id::text)) AS is_active
    FROM warden.sessions s JOIN warden.users u ON u.id OPERATOR(pg_catalog.=) s.user_id;

COMMENT ON VIEW warden.known_sessions IS
    'Sessions as find_session() returns them. is_active: neither ended nor expired nor idle too long, and the user is active.';

CREATE FUNCTION warden.user_meant(user_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me uuid;
BEGIN
    -- An administrator need not be anybody, also where warden.missing_identity is error.
    IF warden.client_administers() THEN
        RETURN coalesce(user_meant.user_id, (warden.identity() ->> 'user_id')::uuid);
    END IF;
    me := warden.current_user_id();
    RETURN CASE WHEN user_meant.user_id IS NULL OR user_meant.user_id = me THEN me END;
END
$$;

COMMENT ON FUNCTION warden.user_meant(uuid) IS
    'Whom a function is about: the signed-in user for NULL, anybody for an administrator; NULL for nobody, and for another user than oneself. Not callable by clients.';

CREATE FUNCTION warden.require_user_meant(user_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant uuid := warden.user_meant(require_user_meant.user_id);
BEGIN
    IF meant IS NULL AND warden.client_administers() THEN
        RAISE EXCEPTION 'no user given' USING ERRCODE = '22023', HINT = 'Pass the id of a user.';
    ELSIF warden.user_meant(NULL) IS NULL AND NOT warden.client_administers() THEN
        RAISE EXCEPTION 'nobody is signed in in this transaction'
            USING ERRCODE = '28000', HINT = 'Call warden.authenticate() after BEGIN.';
    ELSIF meant IS NULL OR NOT EXISTS (SELECT FROM warden.known_users u WHERE u.id = meant) THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    RETURN meant;
END
$$;

COMMENT ON FUNCTION warden.require_user_meant(uuid) IS
    'As user_meant(), for what is done to somebody. Errors: 28000 for nobody, 22023 for an administrator who says nobody, P0002 for an unknown or deleted user, and for another than oneself. Not callable by clients.';

-- A plain statement, which the planner puts in place of the call: so each filter finds its index.
CREATE FUNCTION warden.matching_sessions(user_id uuid, active_only boolean) RETURNS SETOF warden.known_sessions
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.* FROM warden.known_sessions s
    WHERE (matching_sessions.user_id IS NULL OR s.user_id = matching_sessions.user_id)
      AND (matching_sessions.active_only IS NOT TRUE OR s.is_active);
END;

COMMENT ON FUNCTION warden.matching_sessions(uuid, boolean) IS
    'The sessions of a user, or of all for NULL; with active_only, those that go on.';

CREATE TYPE warden.listed_session AS (
    session_id uuid, kind text, started_at timestamptz, last_active_at timestamptz, expires_at timestamptz, client_ip inet,
    user_agent text, device text, is_active boolean, is_current boolean, user_id uuid, total bigint
);

COMMENT ON TYPE warden.listed_session IS
    'A line of list_sessions(); is_current: whether it is the session of this transaction; total: how many match on all pages.';

CREATE FUNCTION warden.list_sessions(
    user_id uuid DEFAULT NULL,
    active_only boolean DEFAULT false,
    page_size int DEFAULT 20,
    after_session uuid DEFAULT NULL,
    with_total boolean DEFAULT true
) RETURNS SETOF warden.listed_session
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant uuid := warden.user_meant(list_sessions.user_id);
    mine text := warden.current_session_id();
    -- Where the page before ended.
    last_seen timestamptz := 'infinity';
    matches bigint;
BEGIN
    PERFORM warden.require_page_size(list_sessions.page_size);
    -- NULL is everybody only for an administrator who has no sessions of his own.
    IF meant IS NULL AND NOT (list_sessions.user_id IS NULL AND warden.client_administers()) THEN
        RETURN;
    END IF;
    IF list_sessions.after_session IS NOT NULL THEN
        SELECT s.started_at INTO last_seen FROM warden.sessions s
        WHERE s.id = list_sessions.after_session AND (meant IS NULL OR s.user_id = meant);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'session not found'
                USING ERRCODE = 'P0002', HINT = 'Pass the id of the last session of the page before as after_session.';
        END IF;
    END IF;
    IF list_sessions.with_total THEN
        SELECT count(*) INTO matches FROM warden.matching_sessions(meant, list_sessions.active_only);
    END IF;
    RETURN QUERY
    SELECT s.session_id, s.kind, s.started_at, s.last_active_at, s.expires_at, s.client_ip, s.user_agent, s.device,
           s.is_active, s.session_id::text IS NOT DISTINCT FROM mine, s.user_id, matches
    FROM warden.matching_sessions(meant, list_sessions.active_only) AS s
    WHERE (s.started_at, s.session_id)
        < (last_seen, coalesce(list_sessions.after_session, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY s.started_at DESC, s.session_id DESC
    LIMIT list_sessions.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_sessions(uuid, boolean, int, uuid, boolean) IS
    'A page of sessions, the latest begun first. user_id: NULL for one''s own; an administrator names anybody, or with NULL lists everybody''s. active_only: not ended, not expired, not idle too long, and the user active; page_size: 1 to 100; after_session: the last id of the page before; with_total: false leaves out total, how many there are on all pages. No rows for nobody, and for another user as for an unknown one. Errors: 22023 for an unusable page size, P0002 for an unknown after_session.';

CREATE FUNCTION warden.find_session(session_id uuid) RETURNS SETOF warden.known_sessions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF warden.client_administers() THEN
        RETURN QUERY SELECT s.* FROM warden.known_sessions s WHERE s.session_id = find_session.session_id;
    ELSE
        RETURN QUERY SELECT s.* FROM warden.known_sessions s
        WHERE s.session_id = find_session.session_id AND s.user_id = warden.current_user_id();
    END IF;
END
$$;

COMMENT ON FUNCTION warden.find_session(uuid) IS
    'All that is known of one session, which is one''s own, or as an administrator anybody''s: whether it is active, when and why it ended. No row for an unknown one, and for another user''s.';
