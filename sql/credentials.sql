-- By what a transaction was authenticated, and whether that is good still.
-- An identity goes on to the end of its transaction; what outlives the transaction asks whether it would still begin.

COMMENT ON FUNCTION warden.shown_credentials() IS
    'All by which this transaction has been authenticated as the user who acts, or for whom somebody acts: objects with user_id, session, issuer, jti, key_id and certificate_id, whatever was rolled back since. Not callable by clients.';
COMMENT ON FUNCTION warden.shown_key_ends_at() IS
    'When the API key or device certificate by which this transaction was authenticated ends, of several the first; NULL for one without an end, and for none. Not callable by clients.';

CREATE FUNCTION warden.is_in_force(revoked_at timestamptz, expires_at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT is_in_force.revoked_at IS NULL AND coalesce(is_in_force.expires_at, 'infinity') > clock_timestamp();
END;

COMMENT ON FUNCTION warden.is_in_force(timestamptz, timestamptz) IS
    'Whether a key or certificate is neither revoked nor expired. revoked_at, expires_at: NULL for never.';

CREATE FUNCTION warden.end_after(duration interval) RETURNS timestamptz
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    -- In seconds: how long a day is, is said by the time zone, which is the client's.
    SELECT clock_timestamp() + make_interval(secs => extract(epoch FROM end_after.duration)::double precision);
END;

COMMENT ON FUNCTION warden.end_after(interval) IS
    'When something ends that lasts so long from now on, a day being 24 hours; NULL for NULL.';

CREATE FUNCTION warden.credential_in_use() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object('began', transaction_timestamp(), 'session', warden.current_session_id(),
        'shown', warden.shown_credentials());
END
$$;

COMMENT ON FUNCTION warden.credential_in_use() IS
    'By what this transaction was authenticated, for is_credential_good(): when it began, the session in which it acts, and all that it has shown. Not callable by clients.';

CREATE FUNCTION warden.is_credential_good(user_id uuid, credential jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began timestamptz := is_credential_good.credential ->> 'began';
    shown jsonb := is_credential_good.credential -> 'shown';
    by_himself jsonb := jsonb_build_array(jsonb_build_object('user_id', is_credential_good.user_id));
BEGIN
    -- Who has shown nothing himself was stated by a trusted role, or acts by a token of whom he acts for.
    IF NOT shown @> by_himself THEN
        shown := shown || by_himself;
    END IF;
    RETURN NOT EXISTS (
        SELECT FROM jsonb_to_recordset(shown) AS c (user_id uuid, session text, issuer text, jti text, key_id uuid,
            certificate_id uuid)
        LEFT JOIN warden.users u ON u.id = c.user_id
        -- Own sessions have UUIDs; of another issuer's there is the name alone.
        LEFT JOIN warden.sessions s ON s.user_id = u.id AND s.id::text = c.session
        LEFT JOIN warden.api_keys k ON k.user_id = u.id AND k.id = c.key_id
        LEFT JOIN warden.device_certificates d ON d.user_id = u.id AND d.id = c.certificate_id
        LEFT JOIN warden.passwords p ON p.user_id = u.id
        WHERE (warden.may_act(u.id)
            -- A token of ours is as old as its session.
            AND (coalesce(s.started_at, began) >= u.tokens_valid_after OR u.kept_session = c.session)
            AND CASE WHEN s.id IS NULL THEN coalesce(p.changed_at, '-infinity') <= began
                     ELSE least(s.ended_at, s.expires_at, s.idle_expires_at) > clock_timestamp() END
            AND (c.key_id IS NULL OR (k.id IS NOT NULL AND warden.is_in_force(k.revoked_at, k.expires_at)))
            AND (c.certificate_id IS NULL OR (d.id IS NOT NULL AND warden.is_in_force(d.revoked_at, d.expires_at)))
            AND (c.issuer IS NULL OR EXISTS (SELECT FROM warden.trusted_issuers i WHERE i.issuer = c.issuer))
            AND NOT EXISTS (SELECT FROM warden.revoked_tokens t
                            WHERE t.jti = c.jti AND coalesce(t.issuer, c.issuer) = c.issuer)) IS NOT TRUE);
END
$$;

COMMENT ON FUNCTION warden.is_credential_good(uuid, jsonb) IS
    'Whether all credentials of an open transaction, as credential_in_use() names them, would still be accepted, and the user: it and whomever they speak for is active, their issuers are trusted, and nothing has been revoked since. Not callable by clients.';

COMMENT ON FUNCTION warden.is_shown_credential_good() IS
    'is_credential_good() of this transaction and whoever acts in it, by what is committed by now, whatever its isolation level; false for nobody. Not callable by clients.';

-- What a client does that outlives its transaction.
CREATE FUNCTION warden.autonomously_signed_in(task text, arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer jsonb := warden.autonomously(autonomously_signed_in.task,
        autonomously_signed_in.arguments || jsonb_build_object('credential', warden.credential_in_use()));
BEGIN
    IF answer ->> 'error' = 'signed_out' THEN
        RAISE EXCEPTION 'authentication failed'
            USING ERRCODE = '28000', HINT = 'What this transaction was authenticated by has been revoked since: sign in again.';
    END IF;
    RETURN answer;
END
$$;

COMMENT ON FUNCTION warden.autonomously_signed_in(text, jsonb) IS
    'autonomously(), with the credential of this transaction among the arguments, for a task that answers the error signed_out where is_credential_good() is not true of it. Not callable by clients. Errors: 28000 for that answer; as autonomously().';
