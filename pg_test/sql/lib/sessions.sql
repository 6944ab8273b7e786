-- Sessions of the database's own, for \ir after cast.sql, as superuser: begin_session() begins one of a user as login does,
-- session_token() is an access token of it.
SELECT warden.rotate_signing_key('https://db.example.com');

CREATE FUNCTION begin_session(user_id uuid, device text DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS uuid LANGUAGE sql AS $$
    SELECT (warden.autonomously('begin_session', jsonb_build_object('user_id', begin_session.user_id, 'kind', 'login',
        'scopes', '["user", "agents:read"]'::jsonb, 'lifetime', '1 day', 'idle_timeout', '1 hour', 'max_sessions', 0, 'evict', true,
        'client_ip', '192.0.2.7', 'user_agent', 'Mozilla/5.0', 'device', begin_session.device) || begin_session.options)
        ->> 'session_id')::uuid
$$;
CREATE FUNCTION session_token(session_id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT warden.issue_access_token(s.user_id, s.id::text, s.scopes, 900)
    FROM warden.sessions s WHERE s.id = session_token.session_id
$$;

-- The state of a session, past what its owner may see.
CREATE FUNCTION end_of(session_id uuid) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT coalesce(s.end_reason, 'goes on') FROM warden.sessions s WHERE s.id = end_of.session_id
$$;
