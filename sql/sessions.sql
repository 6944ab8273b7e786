-- Sessions: what a sign-in begins, what access tokens of the database belong to, and what ends them.
-- How a client's own sessions change is written by a transaction of its own (src/autonomous.rs): who rolls back takes
-- nothing back, and who idles in a transaction keeps nobody waiting.

CREATE TABLE warden.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('login', 'exchange')),
    scopes text[] NOT NULL CHECK (array_position(scopes, NULL) IS NULL),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_active_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    idle_expires_at timestamptz NOT NULL DEFAULT 'infinity',
    ended_at timestamptz,
    end_reason text,
    -- Of the session whose token was exchanged for this one; it ends with that.
    parent_id uuid,
    -- The token that was exchanged for this one: what distrusts its issuer or revokes it ends the session.
    subject_issuer text COLLATE "C",
    subject_jti text COLLATE "C",
    client_ip inet,
    user_agent text CHECK (length(user_agent) <= 1000),
    device text CHECK (length(device) <= 255),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX sessions_user_id_idx ON warden.sessions (user_id, started_at DESC, id DESC);
-- Few of those that a user has had.
CREATE INDEX sessions_open_idx ON warden.sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_newest_idx ON warden.sessions (started_at DESC, id DESC);
CREATE INDEX sessions_parent_id_idx ON warden.sessions (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX sessions_subject_idx ON warden.sessions (subject_issuer, subject_jti)
    WHERE subject_issuer IS NOT NULL AND ended_at IS NULL;
-- By the moment that a session is over: what cleanup_sessions() looks for.
CREATE INDEX sessions_over_idx ON warden.sessions (least(ended_at, expires_at, idle_expires_at));

COMMENT ON TABLE warden.sessions IS
    'Sign-ins, each on one device. A session is over when it was ended, at expires_at, and at idle_expires_at, which each refresh moves on; every authentication reads it anew.';
COMMENT ON COLUMN warden.sessions.end_reason IS
    'logout, revoked, evicted (by a newer one, warden.max_sessions), reused (somebody used a refresh token again), or what an administrator did to the user.';

CREATE TABLE warden.refresh_tokens (
    -- SHA-256 of a secret of 256 bits.
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz
);

CREATE INDEX refresh_tokens_session_id_idx ON warden.refresh_tokens (session_id);

COMMENT ON TABLE warden.refresh_tokens IS
    'Refresh tokens, each good for one use; those of one session are a family, which dies when one is used again (RFC 9700 section 4.14.2). Kept as long as the session.';

SELECT pg_extension_config_dump('warden.sessions', '');
SELECT pg_extension_config_dump('warden.refresh_tokens', '');

CREATE FUNCTION warden.forget_sessions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.sessions s WHERE s.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_sessions() IS
    'Trigger of the users: the sessions of a user that is deleted for good go with it.';

CREATE TRIGGER forget_sessions AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_sessions();

CREATE FUNCTION warden.forget_refresh_tokens() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.refresh_tokens r USING gone g WHERE r.session_id = g.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_refresh_tokens() IS
    'Trigger of the sessions: their refresh tokens go with them.';

CREATE TRIGGER forget_refresh_tokens AFTER DELETE ON warden.sessions
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION warden.forget_refresh_tokens();

CREATE FUNCTION warden.end_sessions_of(
    user_id uuid, reason text, session_id uuid DEFAULT NULL, kept_session_id uuid DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint;
BEGIN
    WITH RECURSIVE meant AS (
        SELECT s.id FROM warden.sessions s
        WHERE s.user_id = end_sessions_of.user_id
          AND ((end_sessions_of.session_id IS NULL AND s.ended_at IS NULL) OR s.id = end_sessions_of.session_id)
          AND s.id IS DISTINCT FROM end_sessions_of.kept_session_id
        UNION
        SELECT s.id FROM warden.sessions s JOIN meant m ON s.parent_id = m.id
        WHERE s.id IS DISTINCT FROM end_sessions_of.kept_session_id
    ), locked AS MATERIALIZED (
        -- In one order whoever ends them, each session before those that came of it.
        SELECT s.id FROM warden.sessions s
        WHERE s.id IN (SELECT m.id FROM meant m)
          AND s.ended_at IS NULL AND least(s.expires_at, s.idle_expires_at) > clock_timestamp()
        ORDER BY s.started_at, s.id FOR NO KEY UPDATE
    )
    UPDATE warden.sessions s SET ended_at = clock_timestamp(), end_reason = end_sessions_of.reason
    FROM locked l
    WHERE s.id = l.id AND s.ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION warden.end_sessions_of(uuid, text, uuid, uuid) IS
    'Ends the sessions of a user that are not over, or the given one, or all but the given one, and those that came of them by exchange; returns how many. Not callable by clients.';

CREATE FUNCTION warden.end_sessions_of_token(issuer text, jti text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint := 0;
    meant record;
BEGIN
    FOR meant IN
        SELECT s.id, s.user_id FROM warden.sessions s
        WHERE s.subject_issuer IS NOT NULL AND s.ended_at IS NULL
          AND s.subject_issuer = coalesce(end_sessions_of_token.issuer, s.subject_issuer)
          AND (end_sessions_of_token.jti IS NULL OR s.subject_jti = end_sessions_of_token.jti)
        ORDER BY s.started_at, s.id
    LOOP
        ended := ended + warden.end_sessions_of(meant.user_id, end_sessions_of_token.reason, meant.id);
    END LOOP;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION warden.end_sessions_of_token(text, text, text) IS
    'Ends the sessions that tokens were exchanged for: of an issuer (NULL: of any), with this jti (NULL: with any), and those that came of them; returns how many. Not callable by clients.';

-- The tasks. Each takes and answers a jsonb, and raises for nothing that a client can cause.

CREATE FUNCTION warden.end_sessions(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'user_id';
    kept text := arguments ->> 'kept_session';
    ended bigint;
    keys bigint;
BEGIN
    -- Before their sessions, as begin_session() does: of two that want both, one waits and none deadlocks.
    PERFORM FROM warden.users u WHERE u.id = owner_id FOR NO KEY UPDATE;
    -- A token that somebody has revoked meanwhile would be kept.
    IF arguments ? 'credential'
        AND NOT warden.is_credential_good((arguments ->> 'actor_id')::uuid, arguments -> 'credential') THEN
        RETURN jsonb_build_object('error', 'signed_out');
    END IF;
    -- Own sessions have UUIDs; a session of another issuer's tokens is kept by its name alone.
    ended := warden.end_sessions_of(owner_id, arguments ->> 'reason', (arguments ->> 'session_id')::uuid,
        CASE WHEN kept ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN kept::uuid END);
    IF (arguments ->> 'all_tokens')::boolean THEN
        UPDATE warden.users u SET tokens_valid_after = clock_timestamp(), kept_session = kept WHERE u.id = owner_id;
    END IF;
    IF (arguments ->> 'api_keys')::boolean THEN
        UPDATE warden.api_keys k SET revoked_at = clock_timestamp() WHERE k.user_id = owner_id AND k.revoked_at IS NULL;
        GET DIAGNOSTICS keys = ROW_COUNT;
    END IF;
    IF ended > 0 OR (arguments ->> 'all_tokens')::boolean THEN
        PERFORM warden.write_audit(arguments ->> 'action', owner_id::text, jsonb_strip_nulls(jsonb_build_object(
            'session_id', arguments -> 'session_id', 'kept_session', kept, 'sessions', ended, 'api_keys', keys)));
    END IF;
    RETURN jsonb_build_object('ended', ended);
END
$$;

COMMENT ON FUNCTION warden.end_sessions(jsonb) IS
    'Task: ends sessions of user_id (session_id: one; else all but kept_session) for a reason, and with all_tokens every token issued to the user so far, also of other issuers, with api_keys its keys too; recorded as action. credential: of the client that does it, as actor_id, absent for an administrator and where a session or its token is what is shown. Answers how many were ended, or an error: signed_out.';

CREATE FUNCTION warden.begin_session(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'user_id';
    max_sessions int := arguments ->> 'max_sessions';
    idle interval := arguments ->> 'idle_timeout';
    subject jsonb := coalesce(arguments -> 'subject', '{}');
    owner warden.users;
    ancestors uuid[] := '{}';
    too_many bigint;
    begun warden.sessions;
BEGIN
    -- Of two that sign in at once as the last that may, the second waits for the first.
    SELECT u.* INTO owner FROM warden.users u WHERE u.id = owner_id AND u.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'user_not_active');
    END IF;
    -- What the session comes of was good when the client showed it; whoever has revoked it since had the lock before.
    IF arguments ->> 'parent_id' IS NOT NULL THEN
        PERFORM FROM warden.sessions s
        WHERE s.id = (arguments ->> 'parent_id')::uuid AND s.user_id = owner_id
          AND least(s.ended_at, s.expires_at, s.idle_expires_at) > clock_timestamp() FOR SHARE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'session_over');
        END IF;
        WITH RECURSIVE line AS (
            SELECT s.id, s.parent_id FROM warden.sessions s WHERE s.id = (arguments ->> 'parent_id')::uuid
            UNION
            SELECT s.id, s.parent_id FROM warden.sessions s JOIN line l ON s.id = l.parent_id
        )
        SELECT array_agg(l.id) INTO ancestors FROM line l;
    ELSIF to_timestamp((subject ->> 'issued_at')::double precision) < owner.tokens_valid_after
        AND owner.kept_session IS DISTINCT FROM subject ->> 'session' THEN
        RETURN jsonb_build_object('error', 'issued_before_tokens_valid_after');
    ELSIF subject ? 'issuer' THEN
        PERFORM FROM warden.trusted_issuers i WHERE i.issuer = subject ->> 'issuer' FOR KEY SHARE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'unknown_issuer');
        END IF;
    END IF;
    IF EXISTS (SELECT FROM warden.revoked_tokens t
               WHERE t.jti = subject ->> 'jti' AND coalesce(t.issuer, subject ->> 'issuer') = subject ->> 'issuer') THEN
        RETURN jsonb_build_object('error', 'revoked');
    END IF;
    IF max_sessions > 0 THEN
        -- Of one kind: jobs do not sign anybody out, and what a job comes of does not make room for it.
        SELECT count(*) - max_sessions + 1 INTO too_many FROM warden.sessions s
        WHERE s.user_id = owner_id AND s.ended_at IS NULL AND least(s.expires_at, s.idle_expires_at) > clock_timestamp()
          AND s.kind = arguments ->> 'kind' AND s.id <> ALL (ancestors);
        IF too_many > 0 AND NOT (arguments ->> 'evict')::boolean THEN
            RETURN jsonb_build_object('error', 'too_many_sessions');
        END IF;
        PERFORM warden.end_sessions_of(owner_id, 'evicted', s.id)
        FROM (SELECT o.id FROM warden.sessions o
              WHERE o.user_id = owner_id AND o.ended_at IS NULL AND least(o.expires_at, o.idle_expires_at) > clock_timestamp()
                AND o.kind = arguments ->> 'kind' AND o.id <> ALL (ancestors)
              ORDER BY o.last_active_at, o.started_at LIMIT greatest(too_many, 0)) AS s;
    END IF;
    INSERT INTO warden.sessions AS s
        (user_id, kind, scopes, expires_at, idle_expires_at, parent_id, subject_issuer, subject_jti, client_ip, user_agent, device)
    VALUES (owner_id, arguments ->> 'kind', array(SELECT jsonb_array_elements_text(arguments -> 'scopes')),
            clock_timestamp() + (arguments ->> 'lifetime')::interval,
            CASE WHEN idle > '0' THEN clock_timestamp() + idle ELSE 'infinity' END,
            (arguments ->> 'parent_id')::uuid, subject ->> 'issuer', subject ->> 'jti', (arguments ->> 'client_ip')::inet,
            left(arguments ->> 'user_agent', 1000), left(arguments ->> 'device', 255))
    RETURNING s.* INTO begun;
    IF arguments ->> 'refresh_hash' IS NOT NULL THEN
        INSERT INTO warden.refresh_tokens (hash, session_id) VALUES (decode(arguments ->> 'refresh_hash', 'hex'), begun.id);
    END IF;
    IF begun.kind = 'login' THEN
        UPDATE warden.users u SET last_login_at = begun.started_at WHERE u.id = owner_id;
    END IF;
    PERFORM warden.write_audit(begun.kind, owner_id::text,
        jsonb_strip_nulls(jsonb_build_object('session_id', begun.id, 'client_ip', begun.client_ip)));
    RETURN jsonb_build_object('session_id', begun.id);
END
$$;

COMMENT ON FUNCTION warden.begin_session(jsonb) IS
    'Task: begins a session of user_id, of a kind, with scopes, lifetime, idle_timeout (0: none), and optionally refresh_hash, parent_id (which has to go on), subject (of the token that it comes of: issuer, jti, and where that is another issuer''s issued_at in Unix seconds and session; it must not have been revoked), client_ip, user_agent, device. With max_sessions > 0 the sessions of this kind longest without activity make room where evict is true. Answers the session_id, or an error: user_not_active, session_over, issued_before_tokens_valid_after, unknown_issuer, revoked, too_many_sessions.';

CREATE FUNCTION warden.rotate_refresh_token(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    presented warden.refresh_tokens;
    family warden.sessions;
    owner warden.users;
    idle interval := arguments ->> 'idle_timeout';
    held text[];
    granted text[];
BEGIN
    -- Locked: of two that use one token at once the second finds it used. The session before the token, as whoever
    -- removes both does.
    SELECT s.* INTO family FROM warden.sessions s
    WHERE s.id = (SELECT r.session_id FROM warden.refresh_tokens r WHERE r.hash = decode(arguments ->> 'hash', 'hex'))
    FOR NO KEY UPDATE;
    SELECT r.* INTO presented FROM warden.refresh_tokens r
    WHERE r.hash = decode(arguments ->> 'hash', 'hex') AND r.session_id = family.id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'unknown_refresh_token');
    END IF;
    SELECT u.* INTO owner FROM warden.users u WHERE u.id = family.user_id;
    IF presented.used_at IS NOT NULL THEN
        -- Whoever had asked before it was used has lost a race, and gets nothing. Whoever asks later has a token that
        -- somebody else has used, or the other way round.
        IF (arguments ->> 'asked_at')::timestamptz < presented.used_at THEN
            RETURN jsonb_build_object('error', 'refresh_token_in_use');
        END IF;
        IF warden.end_sessions_of(family.user_id, 'reused', family.id) > 0 THEN
            PERFORM warden.write_audit('refresh_token_reused', family.user_id::text,
                jsonb_build_object('session_id', family.id));
        END IF;
        RETURN jsonb_build_object('error', 'refresh_token_reused');
    ELSIF least(family.ended_at, family.expires_at, family.idle_expires_at) <= clock_timestamp() THEN
        RETURN jsonb_build_object('error', 'session_over');
    ELSIF owner.status IS DISTINCT FROM 'active' THEN
        RETURN jsonb_build_object('error', 'user_not_active');
    ELSIF family.started_at < owner.tokens_valid_after AND owner.kept_session IS DISTINCT FROM family.id::text THEN
        RETURN jsonb_build_object('error', 'issued_before_tokens_valid_after');
    END IF;
    held := warden.scopes_of_user(owner.id);
    IF arguments -> 'scopes' <> 'null' THEN
        granted := array(SELECT DISTINCT jsonb_array_elements_text(arguments -> 'scopes'));
        IF NOT granted <@ warden.covered_scopes(granted, family.scopes) OR NOT granted <@ warden.covered_scopes(granted, held) THEN
            RETURN jsonb_build_object('error', 'invalid_scope');
        END IF;
        family.scopes := granted;
    ELSE
        -- What a role that the user has lost had granted is not in the next token; it is there again with the role.
        granted := warden.covered_scopes(family.scopes, held);
    END IF;
    IF granted = '{}' THEN
        RETURN jsonb_build_object('error', 'invalid_scope');
    END IF;
    UPDATE warden.refresh_tokens r SET used_at = clock_timestamp() WHERE r.hash = presented.hash;
    INSERT INTO warden.refresh_tokens (hash, session_id) VALUES (decode(arguments ->> 'new_hash', 'hex'), family.id);
    UPDATE warden.sessions s
    SET last_active_at = clock_timestamp(), scopes = family.scopes,
        idle_expires_at = CASE WHEN idle > '0' THEN clock_timestamp() + idle ELSE 'infinity' END
    WHERE s.id = family.id
    RETURNING least(s.expires_at, s.idle_expires_at) INTO family.expires_at;
    RETURN jsonb_build_object('session_id', family.id, 'user_id', family.user_id, 'scopes', to_jsonb(granted),
        'ends_in', floor(extract(epoch FROM family.expires_at - clock_timestamp())));
END
$$;

COMMENT ON FUNCTION warden.rotate_refresh_token(jsonb) IS
    'Task: uses up the refresh token with this hash and stores new_hash in its place; asked_at: when the caller began; scopes: null, or fewer than the session has, which it then keeps to; idle_timeout: from now on. Answers session_id, user_id, the scopes that the user still holds, and ends_in (seconds, by when the session is over if it is not refreshed again), or an error; refresh_token_reused has ended the session.';
