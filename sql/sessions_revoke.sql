-- Ending sessions from outside of them: one, or all.
-- For a client by a transaction of its own, so that a rollback brings nothing back and nobody waits for the client; an
-- administrator does it in his transaction, beside whatever else he does to the user.

CREATE FUNCTION warden.revoke_session(session_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    arguments jsonb;
    owner_id uuid;
    answer jsonb;
BEGIN
    -- NULL would end all of them.
    IF revoke_session.session_id IS NULL THEN
        RETURN false;
    ELSIF administers THEN
        SELECT s.user_id INTO owner_id FROM warden.sessions s WHERE s.id = revoke_session.session_id;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        IF owner_id IS DISTINCT FROM warden.user_meant(NULL) THEN
            PERFORM warden.require_may_manage(owner_id);
        END IF;
    ELSE
        -- Of another user's session the task finds nothing, in the same time as of an unknown one.
        owner_id := warden.require_user_meant(NULL);
    END IF;
    arguments := jsonb_build_object('user_id', owner_id, 'session_id', revoke_session.session_id,
        'reason', 'revoked', 'action', 'revoke_session');
    IF administers THEN
        answer := warden.end_sessions(arguments);
    ELSE
        answer := warden.autonomously('end_sessions', arguments);
    END IF;
    RETURN (answer ->> 'ended')::bigint > 0;
END
$$;

COMMENT ON FUNCTION warden.revoke_session(uuid) IS
    'Ends a session of one''s own, or as an administrator anybody''s, and those that came of it by exchange: when it returns (to an administrator: when he commits), its tokens are refused in the next transaction, and its refresh token too. Returns false where it is unknown, over already, or another user''s. A client''s call is not undone by a rollback. The row stays until cleanup_sessions(). Errors: 28000 for nobody, 42501 where a person administers who holds less than the user.';

CREATE FUNCTION warden.revoke_all_sessions(
    user_id uuid DEFAULT NULL, keep_current boolean DEFAULT false, include_api_keys boolean DEFAULT false
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := warden.require_user_meant(revoke_all_sessions.user_id);
    kept text;
    arguments jsonb;
    answer jsonb;
BEGIN
    IF revoke_all_sessions.keep_current THEN
        kept := warden.current_session_id();
        IF kept IS NULL OR owner_id IS DISTINCT FROM warden.user_meant(NULL) THEN
            RAISE EXCEPTION 'there is no session to keep'
                USING ERRCODE = '55000',
                      HINT = 'Only a token that names its session (claim session_id or sid) can be kept: leave keep_current out.';
        END IF;
    END IF;
    arguments := jsonb_build_object('user_id', owner_id, 'kept_session', kept, 'all_tokens', true,
        'api_keys', coalesce(revoke_all_sessions.include_api_keys, false),
        'reason', 'revoked', 'action', 'revoke_all_sessions');
    IF warden.client_administers() THEN
        IF owner_id IS DISTINCT FROM warden.user_meant(NULL) THEN
            PERFORM warden.require_may_manage(owner_id);
        END IF;
        answer := warden.end_sessions(arguments);
    ELSE
        answer := warden.autonomously_signed_in('end_sessions',
            arguments || jsonb_build_object('actor_id', warden.current_actor_id()));
    END IF;
    RETURN (answer ->> 'ended')::bigint;
END
$$;

COMMENT ON FUNCTION warden.revoke_all_sessions(uuid, boolean, boolean) IS
    'Ends every session of oneself, or as an administrator of anybody, and every token issued so far, those of other issuers too: they are refused in the next transaction. A token whose iat, which has whole seconds, is the second of the call is refused as well: who signs in again by another issuer within it has to ask that for one more. keep_current: but this session, by its claim session_id or sid; include_api_keys: the API keys too. Returns how many sessions of this database were ended: 0 the second time. A client''s call is not undone by a rollback; an administrator''s takes effect when he commits. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began, also by this, 42501 where a person administers who holds less than the user, 22023 for an administrator who names nobody, P0002 for an unknown user and for another than oneself, 55000 where there is no session to keep.';
