-- Tokens that are refused although their time has not come: by their name, the claim jti (RFC 7519 section 4.1.7).

CREATE TABLE warden.revoked_tokens (
    jti text COLLATE "C" NOT NULL CHECK (jti <> '' AND length(jti) <= 1024),
    -- NULL: of whichever issuer.
    issuer text COLLATE "C",
    revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- From then on the token is refused anyway.
    expires_at timestamptz NOT NULL DEFAULT 'infinity'
);

CREATE INDEX revoked_tokens_jti_idx ON warden.revoked_tokens (jti);
CREATE INDEX revoked_tokens_expires_at_idx ON warden.revoked_tokens (expires_at);

COMMENT ON TABLE warden.revoked_tokens IS
    'Revoked tokens by their claim jti. Never unique, so that nobody who revokes waits for another.';

SELECT pg_extension_config_dump('warden.revoked_tokens', '');

CREATE TRIGGER rows_changed AFTER INSERT OR UPDATE ON warden.revoked_tokens
    FOR EACH ROW EXECUTE FUNCTION warden.rows_changed();
ALTER TABLE warden.revoked_tokens ENABLE ALWAYS TRIGGER rows_changed;

CREATE FUNCTION warden.require_may_revoke(jti text, issuer text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- One issuer gives a name to one token; another one gives it to another.
    PERFORM warden.require_may_manage(s.user_id) FROM warden.sessions s
    WHERE s.subject_issuer = require_may_revoke.issuer AND s.subject_jti = require_may_revoke.jti;
    IF FOUND THEN
        RETURN true;
    END IF;
    RETURN warden.require_may_grant('{}', '{owner}');
END
$$;

COMMENT ON FUNCTION warden.require_may_revoke(text, text) IS
    'Returns true where the acting person, as of require_may_grant(), may manage the users whose sessions the token of this name was exchanged for, or is an owner where there is none, or no issuer is named: then it is not known whose it is. Errors: 42501.';

CREATE FUNCTION warden.revoke_token(jti text, issuer text DEFAULT NULL, expires_at timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_revoke(revoke_token.jti, revoke_token.issuer);
    IF coalesce(revoke_token.jti, '') = '' OR octet_length(revoke_token.jti) > 255 OR revoke_token.jti ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'jti is no name of a token'
            USING ERRCODE = '22023', HINT = 'Pass the claim jti, as warden.verify_token() shows it, and not the token.';
    END IF;
    IF revoke_token.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'the token has expired already'
            USING ERRCODE = '22023', HINT = 'Pass the claim exp as expires_at, or leave it out.';
    END IF;
    -- A misspelt issuer would revoke nothing and say nothing.
    IF NOT EXISTS (SELECT FROM warden.trusted_issuers i
                   WHERE revoke_token.issuer IS NULL OR i.issuer = revoke_token.issuer) THEN
        RAISE EXCEPTION 'issuer is not trusted'
            USING ERRCODE = 'P0002', HINT = 'Its tokens are refused as it is. Without issuer the token of any issuer is meant.';
    END IF;
    IF EXISTS (SELECT FROM warden.revoked_tokens t
               WHERE t.jti = revoke_token.jti AND t.issuer IS NOT DISTINCT FROM revoke_token.issuer
                 AND t.expires_at >= coalesce(revoke_token.expires_at, 'infinity')) THEN
        RETURN false;
    END IF;
    INSERT INTO warden.revoked_tokens (jti, issuer, expires_at)
    VALUES (revoke_token.jti, revoke_token.issuer, coalesce(revoke_token.expires_at, 'infinity'));
    PERFORM warden.end_sessions_of_token(revoke_token.issuer, revoke_token.jti, 'revoked');
    PERFORM warden.write_audit('revoke_token', revoke_token.jti,
        jsonb_build_object('issuer', revoke_token.issuer, 'expires_at', revoke_token.expires_at));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.revoke_token(text, text, timestamptz) IS
    'Refuses the token of this name (claim jti) from the moment the transaction commits, in every backend, whoever has verified it before, and ends the sessions that it was exchanged for. issuer: whose, NULL for whichever issuer; expires_at: its claim exp, after which cleanup_sessions() forgets the revocation; NULL keeps it for ever. Returns false where it was revoked already. For superusers and admin roles. Errors: 42501, also where a person acts who is no owner, unless issuer is named and the token was exchanged by users who hold no more than he does; 22023 for what is no jti and an exp that has passed, P0002 for an issuer that is not trusted.';
