-- Signing in by a password, going on by a refresh token, and out again: OAuth 2.0 (RFC 6749, 7009) without its server.

-- As find_user() finds a user, by email or name.
CREATE FUNCTION warden.sign_in_candidate(identifier text)
RETURNS TABLE (account text, person text, user_id uuid, hash text, obstacle text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found uuid[];
    named text := warden.attempts_of_account(sign_in_candidate.identifier);
    -- Nobody is counted as well, so that it takes no less time: each name for itself.
    nobody text := encode(sha256(convert_to(named, 'UTF8')), 'hex');
BEGIN
    IF strpos(sign_in_candidate.identifier, '@') > 0 THEN
        -- Whoever may edit a table of users keeps nobody out by writing his address there: who is verified comes first, and
        -- then who has it from an administrator.
        SELECT array_agg(e.id) INTO found
        FROM (SELECT u.id, rank() OVER (ORDER BY u.email_verified DESC, u.synced)
              FROM warden.users_with_email(warden.normalise_email(sign_in_candidate.identifier)) AS w (id)
              JOIN warden.users u ON u.id = w.id) AS e
        WHERE e.rank = 1;
    END IF;
    IF found IS NULL THEN
        SELECT array_agg(u.id) INTO found FROM warden.users u
        WHERE u.name = sign_in_candidate.identifier AND u.status <> 'deleted';
    END IF;
    IF cardinality(found) > 1 THEN
        RETURN QUERY SELECT named, nobody, NULL::uuid, NULL::text, 'several_users_with_this_email';
        RETURN;
    END IF;
    RETURN QUERY
    SELECT named, coalesce(u.id::text, nobody), u.id, p.hash,
           CASE WHEN u.id IS NULL THEN 'unknown_user' WHEN u.kind <> 'human' THEN 'not_human'
                WHEN p.hash IS NULL THEN 'no_password' WHEN u.status <> 'active' THEN 'user_not_active' END
    FROM (SELECT found[1] AS id) AS f
    LEFT JOIN warden.users u ON u.id = f.id
    LEFT JOIN warden.passwords p ON p.user_id = u.id;
END
$$;

COMMENT ON FUNCTION warden.sign_in_candidate(text) IS
    'Who signs in by this email or name: what attempts at the name and at whoever it is are counted by, the user, the hash of the password, and what stands against it whatever the password. Of several with one email that is who has it verified, or else who is of no table (sync_users). One row, also for nobody. Not callable by clients.';

CREATE FUNCTION warden.sign_in(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid := arguments ->> 'user_id';
    begun jsonb;
BEGIN
    -- As whoever changes the password does: first the user, then what belongs to it.
    PERFORM FROM warden.users u WHERE u.id = owner_id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM warden.passwords p WHERE p.user_id = owner_id AND p.hash = arguments ->> 'verified_hash') THEN
        RETURN jsonb_build_object('error', 'password_changed');
    END IF;
    begun := warden.begin_session(arguments);
    IF begun ? 'session_id' THEN
        PERFORM warden.forgive_attempts(array(SELECT jsonb_array_elements_text(arguments -> 'keys')));
        IF arguments ->> 'new_hash' IS NOT NULL THEN
            UPDATE warden.passwords p SET hash = arguments ->> 'new_hash' WHERE p.user_id = owner_id;
        END IF;
    END IF;
    RETURN begun;
END
$$;

COMMENT ON FUNCTION warden.sign_in(jsonb) IS
    'Task: begin_session() for user_id, whose password still has verified_hash; keys: the attempts that are forgiven; new_hash: the same password at today''s cost. Answers as begin_session, or the error password_changed.';

CREATE FUNCTION warden.remember_revoked_token(arguments jsonb) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    INSERT INTO warden.revoked_tokens (jti, issuer, expires_at)
    VALUES (remember_revoked_token.arguments ->> 'jti', remember_revoked_token.arguments ->> 'issuer',
            to_timestamp((remember_revoked_token.arguments ->> 'expires_at')::double precision));
    SELECT warden.end_sessions_of_token(remember_revoked_token.arguments ->> 'issuer',
        remember_revoked_token.arguments ->> 'jti', 'logout');
    SELECT to_jsonb(warden.write_audit('logout', NULL, remember_revoked_token.arguments));
END;

COMMENT ON FUNCTION warden.remember_revoked_token(jsonb) IS
    'Task: revokes the token of this issuer with this jti, and ends the sessions that it was exchanged for; expires_at: Unix seconds, from when on it is refused anyway.';

COMMENT ON FUNCTION warden.login(text, text, inet, text, text, text[]) IS
    'Signs a user in by a password: one row by the names of OAuth 2.0 (RFC 6749 section 5). identifier: email or name; client_ip, user_agent, device: kept with the session, and where a trusted role states client_ip, attempts are counted by it too; scopes: fewer than the user holds, NULL for all. access_token, for authenticate(), is good for expires_in seconds, and refresh_token for one refresh(). error instead: invalid_grant, for whatever is wrong (the server log says what), also where there were as many failures by all that the user is called, which it does not tell; slow_down, after five failures by this email or name (and this address, where a trusted role states it; after thirty from all), with the seconds to wait in retry_after; invalid_scope; invalid_request; access_denied, where the user has too many sessions. Committed at once, whatever becomes of the transaction. Errors: 42501 for a banned address, 55000 where there is no key to sign with, on a standby, or where no background worker is free.';
COMMENT ON FUNCTION warden.refresh(text, text[]) IS
    'The next access token of a session, and its next refresh token: the one given is used up, and using it again ends the session. Answers as login(). scopes: fewer than the session has, which then keeps to them; NULL for as before, as far as the user still holds them. Committed at once, whatever becomes of the transaction. Errors: 55000 as login().';
COMMENT ON FUNCTION warden.logout(text) IS
    'Ends a session at once, whatever becomes of the transaction, and returns whether there was one to end. token: a refresh token or an access token of the session; a token of another issuer with a jti is revoked by that, with what it was exchanged for; NULL: the session of the identity of this transaction. What does not verify ends nothing. Errors: 55000 on a standby, or where no background worker is free.';
COMMENT ON FUNCTION warden.exchange_token(text, text[], interval) IS
    'An access token of this database for another one (RFC 8693), for who signs in elsewhere, or for a long job. subject_token: an access token of a trusted issuer or of this database; API keys are used as they are. scopes: fewer than those that both the token and the user have, NULL for all of them; a foreign token that states none has the user''s. expires_in: by default warden.access_token_lifetime, at most warden.exchange_lifetime, and never beyond the session of the token that is exchanged, with which it ends. The token belongs to a session of its own and has no refresh token. error instead: invalid_grant, invalid_scope, invalid_request, access_denied. Committed at once, whatever becomes of the transaction. Errors: 55000 as login().';
