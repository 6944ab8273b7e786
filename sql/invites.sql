-- Invites: codes by which somebody becomes a user, joins a tenant, or comes back. What redeems one is in
-- sql/invites_redeem.sql.

CREATE TABLE warden.invites (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- SHA-256 of a secret of 256 bits; of eight digits HMAC-SHA-256 of id and digits, by warden.invite_key.
    code_hash bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    short boolean NOT NULL,
    role text COLLATE "C",
    email text CONSTRAINT invites_email_is_normalised CHECK (email = warden.normalise_email(email)),
    tenant_id uuid,
    tenant_roles text[] NOT NULL DEFAULT '{}' CHECK (array_position(tenant_roles, NULL) IS NULL),
    user_id uuid,
    invited_by uuid,
    administered boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    failed_attempts int NOT NULL DEFAULT 0,
    redeemed_at timestamptz,
    redeemed_by uuid,
    revoked_at timestamptz,
    CHECK ((tenant_id IS NULL) = (tenant_roles = '{}')),
    CHECK (role IS NOT NULL OR user_id IS NOT NULL)
);

CREATE INDEX invites_newest_idx ON warden.invites (created_at DESC, id DESC);
CREATE INDEX invites_invited_by_idx ON warden.invites (invited_by, created_at DESC, id DESC) WHERE invited_by IS NOT NULL;
CREATE INDEX invites_tenant_id_idx ON warden.invites (tenant_id, created_at DESC, id DESC) WHERE tenant_id IS NOT NULL;
CREATE INDEX invites_email_idx ON warden.invites (email) WHERE email IS NOT NULL;
CREATE INDEX invites_user_id_idx ON warden.invites (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX invites_redeemed_by_idx ON warden.invites (redeemed_by) WHERE redeemed_by IS NOT NULL;
-- By the moment that an invite is over: what cleanup_sessions() looks for.
CREATE INDEX invites_over_idx ON warden.invites (least(redeemed_at, revoked_at, expires_at));

COMMENT ON TABLE warden.invites IS
    'Invites: a hash of a code that was shown once, and what whoever redeems it becomes. Readable by superusers only.';
COMMENT ON COLUMN warden.invites.role IS 'Of the new user; NULL where user_id comes back.';
COMMENT ON COLUMN warden.invites.email IS 'The only address that may redeem it; NULL for any.';
COMMENT ON COLUMN warden.invites.user_id IS 'The user who comes back by it.';
COMMENT ON COLUMN warden.invites.invited_by IS 'The person who invites; NULL for a database role by itself.';
COMMENT ON COLUMN warden.invites.administered IS 'Whether an administrator of the database has made it.';
COMMENT ON COLUMN warden.invites.failed_attempts IS 'Wrong guesses at eight digits; with the fifth the invite is dead.';

SELECT pg_extension_config_dump('warden.invites', '');

-- Not dumped: whoever has a backup would try out all the codes that are eight digits. A restored database has a key of
-- its own, and the short invites that were pending are none.
CREATE TABLE warden.invite_key (
    key bytea NOT NULL CHECK (length(key) = 32),
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);

COMMENT ON TABLE warden.invite_key IS
    'The key by which codes of eight digits are hashed, made with the extension. Readable by superusers only, and not part of a dump.';

-- Two random UUIDs have 244 bits of the system's randomness.
INSERT INTO warden.invite_key (key) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

CREATE FUNCTION warden.invite_status(invite warden.invites) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN (invite_status.invite).redeemed_at IS NOT NULL THEN 'redeemed'
                WHEN (invite_status.invite).revoked_at IS NOT NULL THEN 'revoked'
                WHEN (invite_status.invite).failed_attempts >= 5 THEN 'dead'
                WHEN (invite_status.invite).expires_at <= clock_timestamp() THEN 'expired'
                ELSE 'pending' END;
END;

COMMENT ON FUNCTION warden.invite_status(warden.invites) IS
    'What has become of an invite: pending, redeemed, revoked, expired, or dead after five wrong guesses. Not callable by clients.';

CREATE FUNCTION warden.forget_invites() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM warden.invites i
    WHERE i.invited_by = OLD.id OR i.user_id = OLD.id OR i.redeemed_by = OLD.id OR i.email = OLD.email;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION warden.forget_invites() IS
    'Trigger of the users: the invites that a user has made, has redeemed, or is meant by go with it when it is deleted for good.';

CREATE TRIGGER forget_invites AFTER DELETE OR UPDATE OF id ON warden.users
    FOR EACH ROW EXECUTE FUNCTION warden.forget_invites();

COMMENT ON FUNCTION warden.generate_invite_code(uuid, boolean) IS
    'A new code for the invite with this id, and what is kept of it; short: eight digits. Not callable by clients.';

CREATE FUNCTION warden.store_invite(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted warden.invites := jsonb_populate_record(NULL::warden.invites, arguments - 'code_hash' - 'credential');
    returning_user warden.users;
    pending_short bigint;
    pending_long bigint;
BEGIN
    wanted.code_hash := decode(arguments ->> 'code_hash', 'hex');
    IF NOT wanted.administered THEN
        -- Of two that are made at once as the last that may, the second waits for the first.
        PERFORM FROM warden.users u WHERE u.id = wanted.invited_by FOR NO KEY UPDATE;
        IF NOT warden.is_credential_good(wanted.invited_by, arguments -> 'credential') THEN
            RETURN jsonb_build_object('error', 'signed_out');
        END IF;
        SELECT count(*) FILTER (WHERE i.short), count(*) FILTER (WHERE NOT i.short) INTO pending_short, pending_long
        FROM warden.invites i
        WHERE i.invited_by = wanted.invited_by AND NOT i.administered AND warden.invite_status(i) = 'pending';
        IF (wanted.short AND pending_short >= 10) OR (NOT wanted.short AND pending_long >= 100) THEN
            RETURN jsonb_build_object('error', 'too_many_invites');
        END IF;
    END IF;
    IF wanted.user_id IS NOT NULL THEN
        SELECT u.* INTO returning_user FROM warden.users u
        WHERE u.id = wanted.user_id AND u.status <> 'deleted' FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('error', 'unknown_user');
        ELSIF returning_user.kind <> 'human' THEN
            RETURN jsonb_build_object('error', 'not_human');
        ELSIF returning_user.status = 'suspended' THEN
            RETURN jsonb_build_object('error', 'suspended');
        END IF;
        -- A new code in place of the one before.
        UPDATE warden.invites i SET revoked_at = clock_timestamp()
        WHERE i.user_id = wanted.user_id AND warden.invite_status(i) = 'pending';
        UPDATE warden.users u SET status = 'pending', updated_at = clock_timestamp() WHERE u.id = wanted.user_id;
        -- Nobody comes back by what has been forgotten, or found out.
        DELETE FROM warden.passwords p WHERE p.user_id = wanted.user_id;
        PERFORM warden.end_sessions(jsonb_build_object('user_id', wanted.user_id, 'all_tokens', true,
            'reason', 'reset', 'action', 'revoke_all_sessions'));
    END IF;
    INSERT INTO warden.invites (id, code_hash, short, role, email, tenant_id, tenant_roles, user_id, invited_by, administered,
        expires_at)
    VALUES (wanted.id, wanted.code_hash, wanted.short, wanted.role, wanted.email, wanted.tenant_id,
        coalesce(wanted.tenant_roles, '{}'), wanted.user_id, wanted.invited_by, wanted.administered, wanted.expires_at);
    PERFORM warden.write_audit('create_invite', wanted.id::text, jsonb_strip_nulls(jsonb_build_object(
        'short', wanted.short, 'role', wanted.role, 'tenant_id', wanted.tenant_id, 'tenant_roles', wanted.tenant_roles,
        'user_id', wanted.user_id, 'from', returning_user.status, 'invited_by', wanted.invited_by,
        'bound_to_email', wanted.email IS NOT NULL, 'expires_at', wanted.expires_at)));
    RETURN jsonb_build_object('id', wanted.id);
END
$$;

COMMENT ON FUNCTION warden.store_invite(jsonb) IS
    'Task, and for administrators a function: keeps an invite with the columns of warden.invites, code_hash in hexadecimal; credential: by what the client who makes it is signed in. A user_id that comes back is pending from now on, without password, sessions and tokens. Answers the id, or an error: signed_out, too_many_invites, unknown_user, not_human, suspended.';

CREATE FUNCTION warden.require_inviter(
    administers boolean, role text, tenant_id uuid, tenant_roles text[], user_id uuid
) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity jsonb := warden.identity();
    inviter uuid := warden.acting_person();
    held text[];
BEGIN
    IF require_inviter.administers THEN
        IF require_inviter.user_id IS NOT NULL THEN
            IF require_inviter.user_id = inviter THEN
                RAISE EXCEPTION 'this is the acting user'
                    USING ERRCODE = '55000', HINT = 'Who knows his password changes it by warden.set_password().';
            END IF;
            PERFORM warden.require_may_manage(require_inviter.user_id);
        ELSIF require_inviter.tenant_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM warden.tenants n WHERE n.id = require_inviter.tenant_id AND n.status <> 'deleted') THEN
            RAISE EXCEPTION 'tenant not found' USING ERRCODE = 'P0002';
        END IF;
        -- A person is in no tenant here, so what he gives there he has to hold everywhere.
        PERFORM warden.require_may_grant('{}', require_inviter.tenant_roles, giving => true);
    ELSIF identity IS NULL THEN
        RAISE EXCEPTION 'nobody is signed in in this transaction'
            USING ERRCODE = '28000', HINT = 'Call warden.authenticate() after BEGIN.';
    ELSIF require_inviter.user_id IS NOT NULL THEN
        RAISE EXCEPTION 'not allowed to invite a user back'
            USING ERRCODE = '42501', HINT = 'An admin role of the database resets users.';
    ELSIF require_inviter.tenant_id IS NOT NULL THEN
        inviter := warden.require_tenant_admin(require_inviter.tenant_id);
        SELECT m.roles INTO held FROM warden.tenant_members m
        WHERE m.tenant_id = require_inviter.tenant_id AND m.user_id = inviter;
        IF NOT warden.holds_roles(held, require_inviter.tenant_roles) THEN
            RAISE EXCEPTION 'a role that you do not hold in this tenant'
                USING ERRCODE = '42501', HINT = 'Nobody gives or takes a role above his own.';
        END IF;
    ELSIF identity ->> 'actor_id' <> identity ->> 'user_id' THEN
        RAISE EXCEPTION 'who acts for another invites nobody'
            USING ERRCODE = '42501', HINT = 'The user invites by himself, or an administrator does.';
    ELSE
        -- What a tenant has made of him does not invite to the whole deployment.
        PERFORM warden.require_may_grant('{users:invite}', '{}');
    END IF;
    IF require_inviter.role IS NOT NULL THEN
        PERFORM warden.require_may_grant('{}', ARRAY[require_inviter.role], giving => true);
    END IF;
    RETURN inviter;
END
$$;

COMMENT ON FUNCTION warden.require_inviter(boolean, text, uuid, text[], uuid) IS
    'The person who may make such an invite; NULL for a database role by itself. Errors: as create_invite(). Not callable by clients.';

CREATE FUNCTION warden.create_invite(
    email text DEFAULT NULL,
    role text DEFAULT 'user',
    tenant_id uuid DEFAULT NULL,
    tenant_roles text[] DEFAULT '{user}',
    short boolean DEFAULT false,
    expires_in interval DEFAULT NULL,
    user_id uuid DEFAULT NULL,
    OUT id uuid, OUT code text, OUT expires_at timestamptz
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    is_short boolean := coalesce(create_invite.short, false);
    lasts interval := coalesce(create_invite.expires_in, CASE WHEN is_short THEN interval '15 minutes' ELSE interval '7 days' END);
    address text := warden.normalise_email(create_invite.email);
    new_user_role text := CASE WHEN create_invite.user_id IS NULL THEN create_invite.role END;
    roles_there text[] := CASE WHEN create_invite.tenant_id IS NULL THEN '{}'
        ELSE array(SELECT DISTINCT r.role FROM unnest(create_invite.tenant_roles) AS r (role) ORDER BY r.role) END;
    inviter uuid;
    generated record;
    arguments jsonb;
    answer jsonb;
BEGIN
    IF create_invite.user_id IS NOT NULL AND (address IS NOT NULL OR create_invite.tenant_id IS NOT NULL
        OR create_invite.role IS DISTINCT FROM 'user') THEN
        RAISE EXCEPTION 'a user who comes back is invited to nothing else'
            USING ERRCODE = '22023', HINT = 'Pass user_id without email, role and tenant_id: the user has its own.';
    ELSIF create_invite.tenant_id IS NOT NULL AND roles_there = '{}' THEN
        RAISE EXCEPTION 'a member needs a role' USING ERRCODE = '22023', HINT = 'Pass tenant_roles, by default {user}.';
    ELSIF (lasts > interval '0' AND lasts <= CASE WHEN is_short THEN interval '1 day' ELSE interval '1 year' END) IS NOT TRUE THEN
        RAISE EXCEPTION 'an invite does not last that long'
            USING ERRCODE = '22023', HINT = 'Pass an interval above 0, of at most a year, or with short of at most a day.';
    END IF;
    IF create_invite.user_id IS NULL THEN
        PERFORM warden.require_role_name(create_invite.role);
        PERFORM warden.require_role_name(r.role) FROM unnest(roles_there) AS r (role);
    END IF;
    PERFORM warden.require_user_fields(NULL, NULL, address, 'human', NULL, NULL);
    inviter := warden.require_inviter(administers, new_user_role, create_invite.tenant_id, roles_there, create_invite.user_id);

    id := gen_random_uuid();
    expires_at := warden.end_after(lasts);
    SELECT g.code, g.code_hash INTO generated FROM warden.generate_invite_code(create_invite.id, is_short) AS g;
    arguments := jsonb_build_object('id', create_invite.id, 'code_hash', encode(generated.code_hash, 'hex'), 'short', is_short,
        'role', new_user_role, 'email', address, 'tenant_id', create_invite.tenant_id, 'tenant_roles', roles_there,
        'user_id', create_invite.user_id, 'invited_by', inviter, 'administered', administers,
        'expires_at', create_invite.expires_at);
    IF administers THEN
        answer := warden.store_invite(arguments);
    ELSE
        answer := warden.autonomously_signed_in('store_invite', arguments);
    END IF;
    CASE answer ->> 'error'
        WHEN 'too_many_invites' THEN
            RAISE EXCEPTION 'too many invites are pending'
                USING ERRCODE = '53400', HINT = 'A user has at most 10 short ones and 100 others at a time: revoke those that nobody will redeem.';
        WHEN 'unknown_user' THEN
            RAISE EXCEPTION 'user not found' USING ERRCODE = 'P0002';
        WHEN 'not_human' THEN
            RAISE EXCEPTION 'only a human user comes back by an invite'
                USING ERRCODE = '55000', HINT = 'Services sign in by API keys; anonymous visitors do not sign in.';
        WHEN 'suspended' THEN
            RAISE EXCEPTION 'the user is suspended'
                USING ERRCODE = '55000', HINT = 'Lift that first, by warden.set_user_status().';
        ELSE
            -- No statement has it as a parameter, which could be logged.
            code := generated.code;
            RETURN NEXT;
    END CASE;
END
$$;

COMMENT ON FUNCTION warden.create_invite(text, text, uuid, text[], boolean, interval, uuid) IS
    'Makes an invite and returns its id, the code, which is shown this once (only a hash is kept), and when it expires. email: the only address that may redeem it, NULL for any; role: of the new user; tenant_id, tenant_roles: the membership that comes with it; short: eight digits in place of 256 bits, dead after five wrong guesses, redeemed by the id or the email that it is bound to; expires_in: by default 7 days, 15 minutes where it is short, at most a year, or a day; user_id: instead of all that, a user who comes back by it and sets a new password: until then it is pending, without password, and its sessions and tokens of every issuer are ended, as is an earlier invite of it; its API keys stay, and do nothing while it is pending. For superusers and admin roles, in their transaction; for a signed-in user with the scope users:invite beyond one tenant; and for an owner or admin of a tenant who is signed in in it: a client''s is there whatever becomes of the transaction. Errors: 28000 for nobody, and for whose credential has been revoked since the transaction began; 42501 for who may not invite, or to a role that he does not hold, or a user who holds more than he does; 22023 for an unusable argument; P0002 for an unknown or deleted tenant or user, and for any tenant but that of the transaction; 53400 for more than 10 short invites of a user pending, or 100 others; 55000 for the last owner, the acting user, one who is suspended or not human.';

CREATE FUNCTION warden.withdraw_invite(arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    withdrawn uuid;
BEGIN
    UPDATE warden.invites i SET revoked_at = clock_timestamp()
    WHERE i.id = (arguments ->> 'id')::uuid AND warden.invite_status(i) = 'pending'
    RETURNING i.id INTO withdrawn;
    IF FOUND THEN
        PERFORM warden.write_audit('revoke_invite', withdrawn::text, '{}');
    END IF;
    RETURN jsonb_build_object('revoked', withdrawn IS NOT NULL);
END
$$;

COMMENT ON FUNCTION warden.withdraw_invite(jsonb) IS
    'Task: revokes the invite with this id. Answers whether it did: not one that is over.';

CREATE FUNCTION warden.may_see_invite(invited_by uuid, tenant_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF warden.current_user_id() = may_see_invite.invited_by THEN
        RETURN true;
    ELSIF may_see_invite.tenant_id IS DISTINCT FROM warden.current_tenant_id() OR may_see_invite.tenant_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM warden.require_tenant_admin(may_see_invite.tenant_id);
    RETURN true;
EXCEPTION WHEN insufficient_privilege OR no_data_found THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION warden.may_see_invite(uuid, uuid) IS
    'Whether an invite is the signed-in user''s own, or of the tenant that he administers and acts in. Not callable by clients.';

CREATE FUNCTION warden.revoke_invite(id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    meant warden.invites;
    answer jsonb;
BEGIN
    SELECT i.* INTO meant FROM warden.invites i WHERE i.id = revoke_invite.id;
    IF warden.client_administers() THEN
        answer := warden.withdraw_invite(jsonb_build_object('id', meant.id));
    ELSIF warden.require_user_meant(NULL) IS NOT NULL AND warden.may_see_invite(meant.invited_by, meant.tenant_id) THEN
        answer := warden.autonomously('withdraw_invite', jsonb_build_object('id', meant.id));
    END IF;
    RETURN coalesce((answer ->> 'revoked')::boolean, false);
END
$$;

COMMENT ON FUNCTION warden.revoke_invite(uuid) IS
    'Revokes an invite of one''s own, or of the tenant that one administers and acts in, or as an administrator anybody''s: nobody redeems it any more. Returns false where it is unknown, over already, or somebody else''s. A client''s call is not undone by a rollback. Errors: 28000 for nobody.';

CREATE TYPE warden.listed_invite AS (
    id uuid, status text, short boolean, email text, role text, tenant_id uuid, tenant_roles text[], user_id uuid,
    invited_by uuid, created_at timestamptz, expires_at timestamptz, failed_attempts int, redeemed_at timestamptz,
    redeemed_by uuid
);

COMMENT ON TYPE warden.listed_invite IS
    'A line of list_invites(): what create_invite() was given, and what has become of it; neither the code nor what is kept of it.';

CREATE FUNCTION warden.list_invites(
    tenant_id uuid DEFAULT NULL, status text DEFAULT NULL, page_size int DEFAULT 20, after_invite uuid DEFAULT NULL
) RETURNS SETOF warden.listed_invite
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    administers boolean := warden.client_administers();
    me uuid;
    -- Where the page before ended.
    last_seen timestamptz := 'infinity';
BEGIN
    PERFORM warden.require_page_size(list_invites.page_size);
    IF list_invites.status NOT IN ('pending', 'redeemed', 'revoked', 'expired', 'dead') THEN
        RAISE EXCEPTION 'unknown status of an invite'
            USING ERRCODE = '22023', HINT = 'An invite is pending, redeemed, revoked, expired or dead.';
    END IF;
    IF NOT administers THEN
        IF list_invites.tenant_id IS NOT NULL THEN
            PERFORM warden.require_tenant_admin(list_invites.tenant_id);
        ELSE
            me := warden.current_user_id();
            IF me IS NULL THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    IF list_invites.after_invite IS NOT NULL THEN
        SELECT i.created_at INTO last_seen FROM warden.invites i
        WHERE i.id = list_invites.after_invite AND (me IS NULL OR i.invited_by = me)
          AND (list_invites.tenant_id IS NULL OR i.tenant_id = list_invites.tenant_id);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'invite not found'
                USING ERRCODE = 'P0002', HINT = 'Pass the id of the last invite of the page before as after_invite.';
        END IF;
    END IF;
    RETURN QUERY
    SELECT i.id, warden.invite_status(i), i.short, i.email, i.role::text, i.tenant_id, i.tenant_roles, i.user_id, i.invited_by,
           i.created_at, i.expires_at, i.failed_attempts, i.redeemed_at, i.redeemed_by
    FROM warden.invites i
    WHERE (me IS NULL OR i.invited_by = me)
      AND (list_invites.tenant_id IS NULL OR i.tenant_id = list_invites.tenant_id)
      AND (list_invites.status IS NULL OR warden.invite_status(i) = list_invites.status)
      AND (i.created_at, i.id) < (last_seen, coalesce(list_invites.after_invite, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY i.created_at DESC, i.id DESC
    LIMIT list_invites.page_size;
END
$$;

COMMENT ON FUNCTION warden.list_invites(uuid, text, int, uuid) IS
    'A page of invites, the latest first, never with a code or a hash of one: of a signed-in user those that he has made, or with tenant_id those of the tenant, which he administers and acts in; of an administrator all, or those of a tenant. status: pending, redeemed, revoked, expired or dead, NULL for all; page_size: 1 to 100; after_invite: the last id of the page before. No rows for nobody. Errors: 22023 for an unusable argument, P0002 for an unknown after_invite and for any tenant but that of the transaction; 28000 for nobody and 42501 for who is no admin of the tenant that is named.';
