-- The directory: who exists, and which issuer speaks for whom.

CREATE TABLE warden.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    external_id text COLLATE "C" UNIQUE
        CHECK (external_id <> '' AND length(external_id) <= 255 AND external_id !~ '[[:cntrl:]]'),
    email text,
    kind text NOT NULL DEFAULT 'human' CHECK (kind IN ('human', 'anonymous', 'service', 'agent')),
    status text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'inactive', 'suspended', 'pending', 'deleted', 'temporary')),
    roles text[] NOT NULL DEFAULT '{user}',
    tokens_valid_after timestamptz NOT NULL DEFAULT '-infinity',
    linked boolean NOT NULL DEFAULT false,
    synced boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- A text owner column may hold external ids and user ids: one user's external id must not be another's id.
    CONSTRAINT users_external_id_is_no_alias
        CHECK (external_id !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' OR external_id = id::text)
);

COMMENT ON TABLE warden.users IS
    'Users of the application. Only an active one can be authenticated; every authentication reads this table anew.';
COMMENT ON COLUMN warden.users.external_id IS
    'The application''s own name for the user, as it stands in text or integer owner columns. Compared exactly.';
COMMENT ON COLUMN warden.users.tokens_valid_after IS
    'Tokens issued (claim iat) before this moment are refused.';
COMMENT ON COLUMN warden.users.linked IS
    'Whether the user has or had a federated identity: where not, authentication need not look for one. Set by the trigger of warden.identities, never taken back.';

COMMENT ON COLUMN warden.users.synced IS
    'Whether a table of the application keeps the user, by sync_users(): it then decides between active and inactive.';

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

CREATE FUNCTION warden.normalise_email(email text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(lower(regexp_replace(normalise_email.email, '^\s+|\s+$', '', 'g')), '');
END;

COMMENT ON FUNCTION warden.normalise_email(text) IS
    'An email address as it is kept: without white space around it, in lower case; NULL for an empty one.';

CREATE FUNCTION warden.create_user(
    external_id text DEFAULT NULL,
    email text DEFAULT NULL,
    kind text DEFAULT 'human',
    id uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    created uuid;
BEGIN
    IF create_user.kind IS NULL OR create_user.kind NOT IN ('human', 'anonymous', 'service', 'agent') THEN
        RAISE EXCEPTION 'unknown kind of user'
            USING ERRCODE = '22023', HINT = 'A user is human, anonymous, service or agent.';
    END IF;
    IF create_user.external_id = '' OR length(create_user.external_id) > 255
        OR create_user.external_id ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'external id is not usable'
            USING ERRCODE = '22023', HINT = 'Pass 1 to 255 characters without control characters, or NULL.';
    END IF;
    IF create_user.external_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        IF create_user.id <> create_user.external_id::uuid THEN
            RAISE EXCEPTION 'external id is a UUID and not this user''s id'
                USING ERRCODE = '22023', HINT = 'Pass the same UUID as id, or leave id out.';
        END IF;
        create_user.id := create_user.external_id::uuid;
    END IF;
    INSERT INTO warden.users AS u (id, external_id, email, kind)
    VALUES (coalesce(create_user.id, gen_random_uuid()), create_user.external_id,
            warden.normalise_email(create_user.email), create_user.kind)
    ON CONFLICT DO NOTHING
    RETURNING u.id INTO created;
    IF created IS NULL THEN
        RAISE EXCEPTION 'a user with this id or external id exists'
            USING ERRCODE = '23505', HINT = 'Look the user up instead of creating it.';
    END IF;
    PERFORM warden.write_audit('create_user', created::text, jsonb_build_object('kind', create_user.kind));
    RETURN created;
END
$$;

COMMENT ON FUNCTION warden.create_user(text, text, text, uuid) IS
    'Creates an active user and returns its id. external_id: the application''s own name for it, which is also the id where it is a UUID; kind: human, anonymous, service or agent. Errors: 22023 for an unusable argument, 23505 where id or external id is taken.';

CREATE FUNCTION warden.set_user_status(user_id uuid, status text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    previous text;
BEGIN
    IF set_user_status.status IS NULL
        OR set_user_status.status NOT IN ('active', 'inactive', 'suspended', 'pending', 'deleted', 'temporary') THEN
        RAISE EXCEPTION 'unknown status of a user'
            USING ERRCODE = '22023', HINT = 'A user is active, inactive, suspended, pending, deleted or temporary.';
    END IF;
    SELECT u.status INTO previous FROM warden.users u WHERE u.id = set_user_status.user_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
    END IF;
    IF previous = set_user_status.status THEN
        RETURN false;
    END IF;
    UPDATE warden.users u SET status = set_user_status.status, updated_at = now()
    WHERE u.id = set_user_status.user_id;
    PERFORM warden.write_audit('set_user_status', set_user_status.user_id::text,
        jsonb_build_object('from', previous, 'to', set_user_status.status));
    RETURN true;
END
$$;

COMMENT ON FUNCTION warden.set_user_status(uuid, text) IS
    'Changes the status of a user, felt by its next transaction; only active users are authenticated. Returns false where nothing changed. Errors: 22023 for an unknown status, P0002 for an unknown user.';

CREATE FUNCTION warden.link_identity(user_id uuid, issuer text, subject text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id uuid;
BEGIN
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
    'Lets tokens of an issuer with this subject act for the user. Returns false where they already did. Errors: 22023 for an empty issuer or subject, P0002 for an unknown user, 23505 where another user has the identity.';
