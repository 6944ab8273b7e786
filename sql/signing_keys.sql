-- The database as an issuer of tokens: its name, the key it signs with, and what others verify with.

CREATE TABLE warden.own_issuer (
    issuer text COLLATE "C" PRIMARY KEY CHECK (issuer <> '' AND length(issuer) <= 255 AND issuer !~ '[[:cntrl:]]'),
    only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
);

COMMENT ON TABLE warden.own_issuer IS
    'The name (claim iss) under which the database issues tokens; no row until rotate_signing_key() was called.';

SELECT pg_extension_config_dump('warden.own_issuer', '');

-- Not dumped: whoever has a backup would sign for every user. A restored database has the public keys, so that
-- tokens issued before are still verified, and gets a private key by rotate_signing_key().
CREATE TABLE warden.signing_keys (
    kid text COLLATE "C" PRIMARY KEY,
    private_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE warden.signing_keys IS
    'The private key that signs tokens now; one that was replaced is gone. Readable by superusers only, and not part of a dump.';

CREATE FUNCTION warden.forget_own_issuer() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.own_issuer o WHERE o.issuer = OLD.issuer;
    IF FOUND THEN
        DELETE FROM warden.signing_keys;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_own_issuer() IS
    'Trigger of the trusted issuers: a database that no longer believes its own tokens issues none.';

CREATE TRIGGER forget_own_issuer AFTER DELETE OR UPDATE OF issuer ON warden.trusted_issuers
    FOR EACH ROW EXECUTE FUNCTION warden.forget_own_issuer();

CREATE FUNCTION warden.rotate_signing_key(issuer text DEFAULT NULL, overlap interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own text;
    new_kid text;
BEGIN
    PERFORM warden.require_administrator();
    -- Whoever has the keys signs for owners.
    PERFORM warden.require_may_grant('{}', '{owner}');
    IF rotate_signing_key.overlap IS NULL OR rotate_signing_key.overlap < interval '0' THEN
        RAISE EXCEPTION 'overlap is not a length of time' USING ERRCODE = '22023', HINT = 'Pass 0 or more.';
    END IF;
    -- Two rotations at once would both be the first. Nobody who signs or verifies waits for this.
    LOCK TABLE warden.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    SELECT o.issuer INTO own FROM warden.own_issuer o;
    IF own IS NULL THEN
        own := coalesce(rotate_signing_key.issuer, 'urn:uuid:' || gen_random_uuid());
        IF own = '' OR length(own) > 255 OR own ~ '[[:cntrl:]]' THEN
            RAISE EXCEPTION 'issuer cannot be the name of an issuer'
                USING ERRCODE = '22023', HINT = 'Pass the URL of your service, in at most 255 characters.';
        END IF;
        IF EXISTS (SELECT FROM warden.trusted_issuers i WHERE i.issuer = own) THEN
            RAISE EXCEPTION 'issuer % is somebody else''s', own
                USING ERRCODE = '23505', HINT = 'Choose another name, or call warden.distrust_issuer() first.';
        END IF;
        INSERT INTO warden.own_issuer (issuer) VALUES (own);
        INSERT INTO warden.trusted_issuers
            (issuer, audiences, algorithms, subject_claim, subject_is, required_claims, leeway, provision)
        VALUES (own, ARRAY[own], '{EdDSA}', 'sub', 'user_id', '{}', '30 seconds', false);
    ELSIF rotate_signing_key.issuer <> own THEN
        RAISE EXCEPTION 'the database issues tokens under another name'
            USING ERRCODE = '55000', HINT = format('Leave issuer out, or call warden.distrust_issuer(%L) first: its tokens end then.', own);
    END IF;

    -- A key was superseded when the next one was added. The set stays short, however often somebody rotates.
    DELETE FROM warden.issuer_keys k
    USING (SELECT o.position, lag(o.added_at, 1, clock_timestamp()) OVER newest AS superseded_at,
                  row_number() OVER newest AS age
           FROM warden.issuer_keys o WHERE o.issuer = own
           WINDOW newest AS (ORDER BY o.position DESC)) AS old
    WHERE k.issuer = own AND k.position = old.position
      AND (rotate_signing_key.overlap = interval '0' OR old.superseded_at < now() - rotate_signing_key.overlap OR old.age > 10);

    DELETE FROM warden.signing_keys;
    -- In one statement: a private key in a variable or a parameter is one that could be logged.
    WITH made AS MATERIALIZED (SELECT g.kid, g.private_key, g.jwk FROM warden.generate_signing_key() AS g),
         kept AS (INSERT INTO warden.signing_keys (kid, private_key) SELECT m.kid, m.private_key FROM made m)
    INSERT INTO warden.issuer_keys AS k (issuer, position, kid, algorithms, jwk, added_at)
    SELECT own, 1 + coalesce((SELECT max(o.position) FROM warden.issuer_keys o WHERE o.issuer = own), 0),
           m.kid, '{EdDSA}', m.jwk, clock_timestamp()
    FROM made m
    RETURNING k.kid INTO new_kid;

    UPDATE warden.trusted_issuers i SET generation = gen_random_uuid(), keys_changed_at = now() WHERE i.issuer = own;
    PERFORM warden.write_audit('rotate_signing_key', own,
        jsonb_build_object('kid', new_kid, 'overlap', rotate_signing_key.overlap));
    RETURN new_kid;
END
$$;

COMMENT ON FUNCTION warden.rotate_signing_key(text, interval) IS
    'Makes a new key pair (Ed25519) that signs the tokens of this database from now on, and returns its kid; the private key it replaces is deleted. The first call makes the database an issuer that authenticate() believes. issuer: its name (claims iss and aud), by default urn:uuid: and a random one, fixed until distrust_issuer(); overlap: public keys superseded longer ago than this stop verifying, 0 for all at once, as after a theft. Errors: 22023 for a name or overlap that cannot be used, 23505 for the name of another issuer, 42501 for who is no administrator and where a person acts who is no owner, 55000 where the database has another name.';

CREATE FUNCTION warden.jwks() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('keys', coalesce(jsonb_agg(k.jwk ORDER BY k.position DESC), '[]'))
    FROM warden.issuer_keys k JOIN warden.own_issuer o ON o.issuer = k.issuer
$$;

COMMENT ON FUNCTION warden.jwks() IS
    'The public keys that verify tokens of this database, as a JWK Set (RFC 7517), the newest first; no keys before the first rotate_signing_key().';
COMMENT ON FUNCTION warden.generate_signing_key() IS
    'A new Ed25519 key pair: its name (RFC 7638), the private key (PKCS #8) and the public one (JWK). Not callable by clients.';
COMMENT ON FUNCTION warden.issue_access_token(uuid, text, text[], integer) IS
    'A signed access token (RFC 9068) of this database. expires_in: seconds. Checks nothing about the user: the caller has. Not callable by clients. Errors: 55000 where there is no key to sign with.';
