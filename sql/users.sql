-- The directory: who exists, and which issuer speaks for whom.

-- The white space of Unicode, of which \s knows only part: an address pasted from a web page ends in U+00A0.
CREATE FUNCTION warden.normalise_email(email text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(lower(regexp_replace(normalise_email.email,
        E'^[\\s\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+|[\\s\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+$',
        '', 'g')), '');
END;

COMMENT ON FUNCTION warden.normalise_email(text) IS
    'An email address as it is kept: without white space around it, in lower case; NULL for an empty one.';

CREATE TABLE warden.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    external_id text COLLATE "C" UNIQUE
        CHECK (external_id <> '' AND length(external_id) <= 255 AND external_id !~ '[[:cntrl:]]'),
    name text,
    email text,
    email_verified boolean NOT NULL DEFAULT false,
    full_name text,
    display_name text,
    avatar_url text,
    kind text NOT NULL DEFAULT 'human' CHECK (kind IN ('human', 'anonymous', 'service', 'agent')),
    status text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'inactive', 'suspended', 'pending', 'deleted', 'temporary')),
    roles text[] NOT NULL DEFAULT '{user}',
    scopes text[] NOT NULL DEFAULT '{}' CHECK (array_position(scopes, NULL) IS NULL),
    tokens_valid_after timestamptz NOT NULL DEFAULT '-infinity',
    kept_session text,
    linked boolean NOT NULL DEFAULT false,
    synced boolean NOT NULL DEFAULT false,
    synced_by text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    is_bot boolean NOT NULL DEFAULT false,
    is_scanner boolean NOT NULL DEFAULT false,
    is_private boolean NOT NULL DEFAULT false,
    status_when_deleted text CHECK (status_when_deleted <> 'deleted'),
    fingerprint bytea CHECK (length(fingerprint) = 32),
    CONSTRAINT users_name_is_usable CHECK (name <> '' AND length(name) <= 255 AND name !~ '[[:cntrl:]]'),
    -- Whoever writes it: no two forms of one address, so one address is one user.
    CONSTRAINT users_email_is_normalised CHECK (email = warden.normalise_email(email)),
    CONSTRAINT users_verified_email_is_there CHECK (email IS NOT NULL OR NOT email_verified),
    -- A text owner column may hold external ids and user ids: one user's external id must not be another's id.
    CONSTRAINT users_external_id_is_no_alias
        CHECK (external_id !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' OR external_id = id::text)
);

COMMENT ON TABLE warden.users IS
    'Users of the application. Only an active one can be authenticated; every authentication reads this table anew.';
COMMENT ON COLUMN warden.users.external_id IS
    'The application''s own name for the user, as it stands in text or integer owner columns. Compared exactly.';
COMMENT ON COLUMN warden.users.name IS 'The name the user signs in by, compared exactly; one user''s, unless that is deleted.';
COMMENT ON COLUMN warden.users.email IS
    'Trimmed and in lower case; one user''s, unless that is deleted. Users that a table of the application keeps (synced) have the addresses of that table, also a shared one.';
COMMENT ON COLUMN warden.users.scopes IS 'Scopes of the user alone, beside those of its roles.';
COMMENT ON COLUMN warden.users.is_private IS
    'Whether nobody acts as this user, whatever scope he holds: set_user_private().';
COMMENT ON COLUMN warden.users.last_login_at IS 'When the user last signed in; NULL before the first time.';
COMMENT ON COLUMN warden.users.status_when_deleted IS 'The status that restore_user() gives back.';
COMMENT ON COLUMN warden.users.tokens_valid_after IS
    'Tokens issued (claim iat), and those of sessions of this database begun, before this moment are refused.';
COMMENT ON COLUMN warden.users.kept_session IS
    'The one session (claim session_id) whose tokens tokens_valid_after does not concern: of whoever ended all others.';
COMMENT ON COLUMN warden.users.fingerprint IS
    'SHA-256 of what create_anonymous_user() was given; one anonymous user''s, unless that is deleted or has become more than anonymous.';
COMMENT ON COLUMN warden.users.linked IS
    'Whether the user has or had a federated identity: where not, authentication need not look for one. Set by the trigger of warden.identities, never taken back.';

COMMENT ON COLUMN warden.users.synced IS
    'Whether a table of the application keeps the user, by sync_users(): it then decides between active and inactive.';
COMMENT ON COLUMN warden.users.synced_by IS
    'Which table keeps the user, by the name that it had when it was first followed: triggers of another one leave the user alone.';

-- A deleted user frees its name and address.
CREATE UNIQUE INDEX users_name_key ON warden.users (name) WHERE status <> 'deleted';
CREATE UNIQUE INDEX users_email_key ON warden.users (email) WHERE status <> 'deleted' AND NOT synced;
CREATE INDEX users_synced_email_idx ON warden.users (email) WHERE status <> 'deleted' AND synced;
-- Nobody gets a person's account by a fingerprint, which is no secret.
CREATE UNIQUE INDEX users_fingerprint_key ON warden.users (fingerprint)
    WHERE kind = 'anonymous' AND roles = '{anonymous}' AND status <> 'deleted' AND fingerprint IS NOT NULL;
-- Visitors, oldest first, for cleanup_anonymous_users().
CREATE INDEX users_anonymous_idx ON warden.users (created_at, id)
    WHERE kind = 'anonymous' AND roles = '{anonymous}' AND status <> 'deleted';
-- Lists, newest first; and the few that may administer the application.
CREATE INDEX users_newest_idx ON warden.users (created_at DESC, id DESC) WHERE status <> 'deleted';
CREATE INDEX users_administrators_idx ON warden.users (created_at, id)
    WHERE status = 'active' AND roles && '{owner,admin}';

CREATE VIEW warden.known_users AS
    SELECT u.id, u.external_id, u.name, u.email, u.email_verified, u.full_name, u.display_name, u.avatar_url, u.kind,
           u.status, u.roles, u.is_bot, u.is_scanner, u.created_at, u.updated_at, u.last_login_at
    FROM warden.users u WHERE u.status <> 'deleted';

COMMENT ON VIEW warden.known_users IS
    'Users that are not deleted, as functions return them: without what is internal.';

CREATE TABLE warden.identities (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    -- No foreign key, as for warden.issuer_keys: pg_restore -j would fail on it.
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_user_id_idx ON warden.identities (user_id);

COMMENT ON TABLE warden.identities IS
    'Federated identities: the pair of issuer and subject is the key, so one issuer never speaks for another''s users unless they are linked.';

CREATE FUNCTION warden.note_identity() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE warden.users u SET linked = true WHERE u.id = NEW.user_id AND NOT u.linked;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.note_identity() IS
    'Trigger of the federated identities: their users are marked as linked.';

-- After: so it finds users that the same statement makes.
CREATE TRIGGER note_identity AFTER INSERT OR UPDATE OF user_id ON warden.identities
    FOR EACH ROW EXECUTE FUNCTION warden.note_identity();
ALTER TABLE warden.identities ENABLE ALWAYS TRIGGER note_identity;

CREATE FUNCTION warden.forget_identities() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.identities i WHERE i.user_id = OLD.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_identities() IS
    'Trigger of the users: the federated identities of a user that is deleted go with it.';

CREATE TRIGGER forget_identities AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_identities();

SELECT pg_extension_config_dump('warden.users', '');
SELECT pg_extension_config_dump('warden.identities', '');

CREATE FUNCTION warden.link_identity(user_id uuid, issuer text, subject text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid;
BEGIN
    PERFORM warden.require_administrator();
    PERFORM warden.require_may_manage(link_identity.user_id);
    IF coalesce(link_identity.issuer, '') = '' OR coalesce(link_identity.subject, '') = '' THEN
        RAISE EXCEPTION 'an identity needs an issuer and a subject' USING ERRCODE = '22023';
    END IF;
    -- Locked, so that nobody deletes the user before the link is there to be deleted with it.
    PERFORM FROM warden.users u WHERE u.id = link_identity.user_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO warden.identities (issuer, subject, user_id)
    VALUES (link_identity.issuer, link_identity.subject, link_identity.user_id)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM warden.write_audit('link_identity', link_identity.user_id::text,
            jsonb_build_object('issuer', link_identity.issuer, 'subject', link_identity.subject));
        RETURN true;
    END IF;
    SELECT i.user_id INTO owner_id FROM warden.identities i
    WHERE i.issuer = link_identity.issuer AND i.subject = link_identity.subject;
    IF owner_id IS DISTINCT FROM link_identity.user_id THEN
        RAISE EXCEPTION 'this identity belongs to another user'
            USING ERRCODE = '23505', HINT = 'An identity is linked to one user at a time.';
    END IF;
    RETURN false;
END
$$;

COMMENT ON FUNCTION warden.link_identity(uuid, text, text) IS
    'Lets tokens of an issuer with this subject act for the user. Returns false where they already did. For superusers and admin roles. Errors: 42501, also where a person acts who does not hold all that the user does; 22023 for an empty issuer or subject, P0002 for an unknown user, 23505 where another user has the identity.';
