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
