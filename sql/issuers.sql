-- Whose tokens are believed, and the keys that verify them.

CREATE TABLE warden.trusted_issuers (
    issuer text COLLATE "C" PRIMARY KEY,
    audiences text[],
    algorithms text[],
    subject_claim text NOT NULL,
    subject_is text NOT NULL CHECK (subject_is IN ('user_id', 'external_id', 'subject')),
    required_claims jsonb NOT NULL CHECK (jsonb_typeof(required_claims) = 'object'),
    leeway interval NOT NULL,
    provision boolean NOT NULL,
    link_verified_email boolean NOT NULL DEFAULT false,
    address_claim text CHECK (address_claim <> ''),
    -- Random, and new with every change: what a backend has verified or parsed under another
    -- generation is void, also after DROP and CREATE EXTENSION.
    generation uuid NOT NULL DEFAULT gen_random_uuid(),
    trusted_at timestamptz NOT NULL DEFAULT now(),
    keys_changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (audiences IS NOT NULL OR required_claims <> '{}')
);

COMMENT ON TABLE warden.trusted_issuers IS
    'Whose tokens are believed, and by which rules: one row an issuer, as trust_issuer() last said. generation: new with every change, so that no backend goes on with what it has kept.';

CREATE TABLE warden.issuer_keys (
    -- No foreign key: pg_restore -j loads the tables of an extension in any order, and their constraints
    -- are there before the rows.
    issuer text COLLATE "C" NOT NULL,
    position int NOT NULL,
    kid text COLLATE "C",
    algorithms text[] NOT NULL,
    jwk jsonb NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, position)
);

CREATE FUNCTION warden.rows_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'rows_changed_wrapper';

COMMENT ON FUNCTION warden.rows_changed() IS
    'Trigger of a table whose rows backends keep: when the transaction commits, all of them read it again.';

-- For each row: of what logical replication applies, statement triggers see nothing but TRUNCATE.
CREATE TRIGGER rows_changed AFTER INSERT OR UPDATE OR DELETE ON warden.trusted_issuers
    FOR EACH ROW EXECUTE FUNCTION warden.rows_changed();
CREATE TRIGGER table_emptied AFTER TRUNCATE ON warden.trusted_issuers
    FOR EACH STATEMENT EXECUTE FUNCTION warden.rows_changed();
ALTER TABLE warden.trusted_issuers ENABLE ALWAYS TRIGGER rows_changed;
ALTER TABLE warden.trusted_issuers ENABLE ALWAYS TRIGGER table_emptied;

COMMENT ON TABLE warden.issuer_keys IS
    'Public keys of issuers, and the shared secrets of those that sign with HMAC: readable by superusers only.';

CREATE FUNCTION warden.forget_issuer_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.issuer_keys k WHERE k.issuer = OLD.issuer;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_issuer_keys() IS
    'Trigger of the trusted issuers: the keys of an issuer that is not trusted any more go with it.';

CREATE TRIGGER forget_issuer_keys AFTER DELETE OR UPDATE OF issuer ON warden.trusted_issuers
    FOR EACH ROW EXECUTE FUNCTION warden.forget_issuer_keys();

SELECT pg_extension_config_dump('warden.trusted_issuers', '');
SELECT pg_extension_config_dump('warden.issuer_keys', '');

CREATE VIEW warden.issuers AS
    SELECT i.issuer, i.audiences, i.algorithms, i.subject_claim, i.subject_is, i.required_claims,
           i.leeway, i.provision, i.link_verified_email, i.address_claim, i.trusted_at,
           (SELECT array_agg(k.kid ORDER BY k.position)
              FROM warden.issuer_keys k WHERE k.issuer OPERATOR(pg_catalog.=) i.issuer) AS kids,
           now() OPERATOR(pg_catalog.-) i.keys_changed_at AS keys_age
    FROM warden.trusted_issuers i;

COMMENT ON VIEW warden.issuers IS
    'The trusted issuers with the ids of their keys, and how long ago the keys last changed. Shows no key.';

COMMENT ON FUNCTION warden.trust_issuer(text, text, text[], text[], text, text, jsonb, interval, boolean, boolean, text) IS
    'Believes tokens of an issuer (claim iss, compared exactly) that a key of its JWK Set (RFC 7517) verifies; returns the number of usable keys. Called again, it replaces what it said before. audiences: one of them must be in the token''s aud, NULL only with required_claims; algorithms: which of the issuer''s keys may use, NULL for what the keys say; subject_claim: the claim that names the user, a text, or where it is not sub also a whole number; subject_is: user_id, external_id, or subject (the pair of issuer and subject, linked or provisioned); required_claims: claims with the value, or one of the values, each must have; leeway: 0 to 300 seconds; provision: create unknown users on first sight, with the address in the claim email where email_verified is true and nobody has it, and no role but user; link_verified_email: link an unknown subject with such an address to the user who has it, verified (update_user) too, instead of creating a second one. Not by default, because the issuer then speaks for users who never came by it: say it of an issuer that owns its addresses or verifies each; address_claim: the claim in which the issuer states the network address of whoever the token was issued to, for bans: a token from a banned address is refused (42501), one in which the claim is no address too (28000), and one without the claim states none. Errors: 42501 where a person acts who is no owner, 22023 for a set or rule that cannot be used, with the reason.';
COMMENT ON FUNCTION warden.set_issuer_keys(text, text) IS
    'Replaces the keys of a trusted issuer by those of a JWK Set (RFC 7517): keys not in it verify nothing from now on, so an issuer that rotates publishes old and new together for a while. Returns false where the set is unchanged. Errors: 42501 where a person acts who is no owner, 22023 for a set that cannot be used (the old keys stay), P0002 for an issuer that is not trusted.';
COMMENT ON FUNCTION warden.distrust_issuer(text) IS
    'Believes no token of the issuer from now on, in every backend, and ends the sessions that its tokens were exchanged for. Returns false where it was not trusted. For superusers and admin roles. Errors: 42501, also where a person acts who is no owner.';
